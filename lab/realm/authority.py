"""The certificate authority of a realm."""

from lab.host import Host
from lab.realm.realm import Realm

FOLDER = "/var/lib/ipa/ca"
CERTIFICATE = "/etc/ipa/ca.crt"
# The first server has replica id 1, and each has 2**28 serial numbers of its own.
FIRST_SERIAL = 1 << 28
# Where Debian's update-ca-certificates looks for authorities, and where OpenSSL does.
TRUSTED = "/usr/local/share/ca-certificates/ipa-ca.crt"
STORE = "/etc/ssl/certs"

CONFIGURATION = """\
[ca]
default_ca = realm

[realm]
dir = {folder}
certificate = $dir/ca.crt
private_key = $dir/private/ca.key
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir/newcerts
unique_subject = no
default_md = sha256
default_days = 730
default_crl_days = 30
policy = realm_policy
x509_extensions = server_cert
copy_extensions = copy
string_mask = utf8only

[realm_policy]
organizationName = match
commonName = supplied

[req]
distinguished_name = req_name
x509_extensions = authority_cert
string_mask = utf8only

[req_name]

[authority_cert]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always

[server_cert]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
"""


def install(host: Host, realm: Realm) -> None:
    """Make the authority, its certificate and its first revocation list."""
    folders = ("/var/lib/ipa", FOLDER, f"{FOLDER}/private", f"{FOLDER}/newcerts")
    host.run(["install", "--directory", "--mode=0700", *folders])
    _files(host)
    key = f"{FOLDER}/private/ca.key"
    _key(host, key)
    subject = f"/O={realm.name}/CN=Certificate Authority"
    request = ["openssl", "req", "-x509", "-new", "-config", f"{FOLDER}/openssl.cnf", "-key", key]
    serial = ["-set_serial", str(FIRST_SERIAL), "-days", "7300"]
    host.run([*request, *serial, "-subj", subject, "-out", f"{FOLDER}/ca.crt"])
    host.run(["install", "-D", "--mode=0644", f"{FOLDER}/ca.crt", CERTIFICATE])
    _trust(host, realm)
    _authority(host, ["-gencrl", "-out", "crl.pem"])


def _files(host: Host) -> None:
    contents = {
        "openssl.cnf": CONFIGURATION.replace("{folder}", FOLDER),
        "serial": f"{FIRST_SERIAL + 1:X}\n",
        "crlnumber": "01\n",
        "index.txt": "",
        "lock": "",
    }
    for name, text in contents.items():
        host.write(f"{FOLDER}/{name}", text, mode=0o600)


def _trust(host: Host, realm: Realm) -> None:
    """Have every program on the host trust the realm, and LDAP programs find it."""
    host.write(TRUSTED, host.read(CERTIFICATE))
    host.run(["install", "--directory", STORE])
    host.run(["ln", "--symbolic", "--force", TRUSTED, f"{STORE}/ipa-ca.pem"])
    host.run(["openssl", "rehash", STORE])
    host.write("/etc/ldap/ldap.conf", f"TLS_CACERT {CERTIFICATE}\nURI ldap://{realm.server}\nBASE {realm.suffix}\n")


def issue(host: Host, realm: Realm, *, key: str, certificate: str) -> None:
    """Make a key for this host and a certificate for it."""
    host.run(["install", "--directory", "--mode=0755", certificate.rpartition("/")[0]])
    host.run(["install", "--directory", "--mode=0700", key.rpartition("/")[0]])
    _key(host, key)
    request = ["openssl", "req", "-new", "-config", f"{FOLDER}/openssl.cnf", "-key", key]
    names = ["-subj", f"/O={realm.name}/CN={host.name}", "-addext", f"subjectAltName=DNS:{host.name}"]
    signed = host.run([*request, *names]).stdout
    _authority(host, ["-batch", "-notext", "-in", "-", "-out", certificate], input=signed)
    host.run(["chmod", "0644", certificate])


def _key(host: Host, path: str) -> None:
    host.run(["install", "--mode=0600", "/dev/null", path])
    host.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path])
    host.run(["chmod", "0600", path])


def _authority(host: Host, arguments: list[str], *, input: bytes | None = None) -> None:
    """Run openssl ca; only one at a time, because it rewrites its index, which stays private."""
    private = ["sh", "-c", 'umask 077 && exec "$@"', "sh"]
    enter = ["env", f"--chdir={FOLDER}", "flock", "lock", *private]
    host.run([*enter, "openssl", "ca", "-config", "openssl.cnf", *arguments], input=input)
