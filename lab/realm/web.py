"""The web server of a realm: where the authority's certificate and revocation list are found."""

from lab.host import Host
from lab.realm import authority
from lab.realm.realm import Realm

CERTIFICATE = "/var/lib/ipa/certs/httpd.crt"
KEY = "/var/lib/ipa/private/httpd.key"
ROOT = "/var/www/ipa"

SITE = """\
ServerName {server}

<Directory {root}>
    Require all granted
</Directory>

<VirtualHost *:80>
    ServerName {server}
    DocumentRoot {root}
</VirtualHost>

<VirtualHost *:443>
    ServerName {server}
    DocumentRoot {root}
    SSLEngine on
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
    SSLCACertificateFile /etc/ipa/ca.crt
</VirtualHost>
"""


def install(host: Host, realm: Realm) -> None:
    """Serve the realm's files on ports 80 and 443."""
    authority.issue(host, realm, key=KEY, certificate=CERTIFICATE)
    site = SITE.format(server=realm.server, root=ROOT, certificate=CERTIFICATE, key=KEY)
    host.write("/etc/apache2/sites-available/ipa.conf", site)
    host.write(f"{ROOT}/index.html", f"<!doctype html><title>{realm.name}</title><h1>{realm.name}</h1>\n")
    host.run(["install", "-D", "--mode=0644", authority.CERTIFICATE, f"{ROOT}/ipa/config/ca.crt"])
    host.run(["install", "-D", "--mode=0644", f"{authority.FOLDER}/crl.pem", f"{ROOT}/ipa/crl/MasterCRL.pem"])
    host.run(["a2enmod", "--quiet", "ssl"])
    host.run(["a2dissite", "--quiet", "000-default"])
    host.run(["a2ensite", "--quiet", "ipa"])
    host.run(["systemctl", "enable", "--now", "apache2"])
