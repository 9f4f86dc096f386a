"""Prove a Kerberos password: payload principal, password, realm, kdcs (addresses or names). Nothing is left behind.

Answers {"principal", "service", "expires"}, the last as klist prints it, or an error, WrongPassword among them.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import Dict, List

SECONDS = 10
CONFIGURATION = """\
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
[realms]
 {realm} = {{
{kdcs}
 }}
"""
ASK_ADMINISTRATOR = "Ask an administrator of the realm to look at the account."
# What MIT Kerberos prints (krb5 error tables), what kind of error that is, its meaning, and the remedy.
MEANINGS = (
    ("Password incorrect", "WrongPassword", "the password of {principal} is wrong", "Enter the password again."),
    ("Preauthentication failed", "WrongPassword", "the password of {principal} is wrong", "Enter the password again."),
    ("Decrypt integrity check failed", "WrongPassword", "the password of {principal} is wrong", "Enter it again."),
    ("not found in Kerberos database", "", "{principal} is not in the realm", "Add the principal, or name another."),
    (
        "Cannot contact any KDC",
        "",
        "no KDC of {realm} answers at {kdcs}",
        "See that krb5-kdc runs there, and that a firewall lets port 88 (TCP and UDP) through.",
    ),
    (
        "Clock skew too great",
        "",
        "the clocks of {host} and the KDC differ by more than five minutes",
        "Set the clock that is wrong, for instance with chronyc makestep.",
    ),
    ("Password has expired", "", "the password of {principal} has expired", "Change it with kpasswd first."),
    ("entry in database has expired", "", "the account {principal} has expired", ASK_ADMINISTRATOR),
    ("credentials have been revoked", "", "the account {principal} is locked", ASK_ADMINISTRATOR),
)


def explain(output: str, facts: Dict[str, str]) -> Dict[str, str]:
    for word, kind, meaning, remedy in MEANINGS:
        if word in output:
            error = f"No ticket on {facts['host']}: {meaning.format(**facts)}."
            return {"kind": kind, "error": error, "remedy": remedy.format(**facts)}
    last = (output.strip().splitlines() or ["kinit said nothing"])[-1]
    return {"error": f"No ticket on {facts['host']} for {facts['principal']}: {last}", "remedy": ASK_ADMINISTRATOR}


def ticket(folder: str, principal: str, password: str, realm: str, kdcs: List[str]) -> Dict[str, str]:
    facts = {"principal": principal, "realm": realm, "kdcs": ", ".join(kdcs), "host": os.uname().nodename}
    path = os.path.join(folder, "krb5.conf")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(CONFIGURATION.format(realm=realm, kdcs="\n".join(f"  kdc = {kdc}" for kdc in kdcs)))
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
        "KRB5_CONFIG": path,
        "KRB5CCNAME": f"FILE:{folder}/cc",
    }
    try:
        made = subprocess.run(
            ["kinit", "-l", "5m", "--", principal],
            input=password + "\n",
            env=environment,
            timeout=SECONDS,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return explain("Cannot contact any KDC", facts)
    if made.returncode:
        return explain(made.stdout, facts)
    shown = subprocess.run(["klist"], env=environment, check=True, stdout=subprocess.PIPE).stdout
    lines = shown.decode("utf-8", "replace").splitlines()
    owner = next((line.split(": ", 1)[1] for line in lines if line.startswith("Default principal: ")), principal)
    # Two columns of a date and a time each, and the service.
    words = next(
        (words for words in map(str.split, lines) if words and words[-1].startswith("krbtgt/")), ["", "krbtgt"]
    )
    return {"principal": owner, "service": words[-1], "expires": " ".join(words[2:4])}


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    with tempfile.TemporaryDirectory(prefix="portal-krb5-", dir="/run") as folder:
        answer = ticket(folder, **payload)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
