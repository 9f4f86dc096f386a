"""A Negotiate token for a web server, by a keytab: payload keytab (base64), principal, realm, server, kdcs.

Answers {"token"} (base64), or an error, WrongKeytab among them. Everything is in memory and ends with the process.
Unlike the other programs it runs on the portal's own machine, and needs Debian's python3-gssapi there.
"""

import base64
import json
import os
import sys
from typing import Any, Dict

SPNEGO = "1.3.6.1.5.5.2"
# The one KDC that is asked is that of the server, wherever else this machine may belong. FreeIPA's web server acts for
# the account at its directory, so the ticket has to be forwardable.
CONFIGURATION = """\
[libdefaults]
 default_realm = {realm}
 dns_canonicalize_hostname = false
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_uri_lookup = false
 forwardable = true
 rdns = false
 udp_preference_limit = 1
[realms]
 {realm} = {{
{kdcs}
 }}
[domain_realm]
 {server} = {realm}
"""
NEW_ONE = "Get a new one (ipa-getkeytab) and store it: keys end when new ones are made or the password changes."
ASK_ADMINISTRATOR = "Ask an administrator of the realm to look at the account."
# What MIT Kerberos prints (krb5 error tables), what kind of error that is, its meaning, and the remedy.
MEANINGS = (
    ("No credentials cache found", "WrongKeytab", "the keytab has no key of {principal}", NEW_ONE),
    ("Preauthentication failed", "WrongKeytab", "the keys of {principal} are other ones by now", NEW_ONE),
    ("Decrypt integrity check failed", "WrongKeytab", "the keys of {principal} are other ones by now", NEW_ONE),
    (
        "not found in Kerberos database",
        "WrongKeytab",
        "{principal} is not in the realm",
        "Store another account's keytab.",
    ),
    ("no support for encryption type", "WrongKeytab", "the realm takes none of the keys of {principal}", NEW_ONE),
    (
        "Cannot contact any KDC",
        "KdcLost",
        "no KDC of {realm} answers at {kdcs}",
        "See that krb5kdc runs there (ipactl status), and that port 88 (TCP) is open for the portal.",
    ),
    (
        "Clock skew too great",
        "ClockSkew",
        "the clocks of the portal and of {server} differ by more than five minutes",
        "Set the clock that is wrong, for instance with chronyc makestep.",
    ),
    ("entry in database has expired", "", "the account {principal} has expired", ASK_ADMINISTRATOR),
    ("credentials have been revoked", "", "the account {principal} is locked", ASK_ADMINISTRATOR),
)


def explain(said: str, facts: Dict[str, str]) -> Dict[str, str]:
    for word, kind, meaning, remedy in MEANINGS:
        if word in said:
            return {"kind": kind, "error": f"No ticket by keytab: {meaning.format(**facts)}.", "remedy": remedy}
    last = (said.strip().splitlines() or ["Kerberos said nothing"])[-1]
    return {"error": f"No ticket by keytab for {facts['principal']}: {last}", "remedy": ASK_ADMINISTRATOR}


def in_memory(name: str, content: bytes) -> str:
    """The path of a file that only this process has."""
    number = os.memfd_create(name)
    os.write(number, content)
    return f"/proc/self/fd/{number}"


def token(payload: Dict[str, Any]) -> bytes:
    """Raises GSSError."""
    import gssapi  # here, as it reads the configuration when it is loaded

    where = {
        "client_keytab": "FILE:" + in_memory("keytab", base64.b64decode(payload["keytab"])),
        "ccache": "MEMORY:negotiate",
    }
    account = gssapi.Name(payload["principal"], gssapi.NameType.kerberos_principal)
    service = gssapi.Name(f"HTTP@{payload['server']}", gssapi.NameType.hostbased_service)
    credentials = gssapi.Credentials(name=account, usage="initiate", store=where)
    mechanism = gssapi.OID.from_int_seq(SPNEGO)
    said: bytes = gssapi.SecurityContext(name=service, creds=credentials, mech=mechanism, usage="initiate").step()
    return said


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    facts = {name: payload[name] for name in ("principal", "realm", "server")}
    facts["kdcs"] = ", ".join(payload["kdcs"])
    lines = "\n".join(f"  kdc = {kdc}" for kdc in payload["kdcs"])
    configuration = CONFIGURATION.format(realm=payload["realm"], server=payload["server"], kdcs=lines)
    os.environ["KRB5_CONFIG"] = in_memory("krb5.conf", configuration.encode())
    try:
        from gssapi.exceptions import GSSError
    except ImportError:
        answer = {
            "error": "This machine has no Kerberos for Python.",
            "remedy": "As root: apt-get install python3-gssapi",
        }
    else:
        try:
            answer = {"token": base64.b64encode(token(payload)).decode()}
        except GSSError as error:
            answer = explain(str(error), facts)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
