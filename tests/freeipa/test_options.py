"""Options of the installers, by what is on the host afterwards: nothing here is recorded."""

from __future__ import annotations

import re

import pytest

from lab.freeipa import FreeIpaLab
from lab.host import Host
from tests.freeipa.asking import told
from tests.freeipa.test_life import NAME, WITHOUT_AUTHORITY, certified, succeeded
from tests.hosts.conftest import Portal

pytestmark = pytest.mark.freeipa
LDIF = "/root/directory.ldif"
SETTING = "nsslapd-errorlog-maxlogsperdir"
CONFIG = f"dn: cn=config\nchangetype: modify\nreplace: {SETTING}\n{SETTING}: 7\n"


def found(host: Host, pattern: str, *paths: str) -> bool:
    return host.run(["grep", "-rsqE", pattern, *paths], check=False).returncode == 0


def test_options_are_what_the_host_is_like(portal: Portal, hosts: FreeIpaLab) -> None:
    master, host = portal.register(backend="freeipa").hostname, hosts.host(NAME)
    certified(hosts)
    host.write(LDIF, CONFIG, mode=0o600)
    run = portal.install(
        NAME,
        **WITHOUT_AUTHORITY
        | {
            "no_ntp": False,
            "ntp_servers": [master],
            "hidden_replica": True,
            "mkhomedir": True,
            "no_sshd": True,
            "no_dns_sshfp": True,
            "ssh_trust_dns": True,
            "no_ui_redirect": True,
            "skip_schema_check": True,
            "dirsrv_config_file": LDIF,
        },
    )
    succeeded(portal, run)
    assert "Role status: hidden" in told(hosts, "ipa", "server-role-find", f"--server={NAME}", "--include-master")
    assert NAME not in told(hosts, "ipa", "dns-update-system-records", "--dry-run")
    assert found(host, rf"^server {re.escape(master)}\b", "/etc/chrony", "/etc/chrony.conf")
    assert found(host, "pam_mkhomedir|pam_oddjob_mkhomedir", "/etc/pam.d")
    assert found(host, "^ *VerifyHostKeyDNS yes", "/etc/ssh/ssh_config", "/etc/ssh/ssh_config.d")
    assert not found(host, "sss_ssh_authorizedkeys", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d")
    rewrite = host.run(["find", "/etc", "-name", "ipa-rewrite.conf"]).stdout.decode().strip()
    assert not found(host, r"^RewriteRule \^/\$", rewrite)
    assert found(hosts.master, r"^RewriteRule \^/\$", rewrite)
    shown = host.run(
        ["ldapsearch", "-Y", "EXTERNAL", "-H", "ldapi://%2Frun%2Fslapd-EXAMPLE-COM.socket", "-LLL", "-b", "cn=config"]
        + ["-s", "base", SETTING]
    ).stdout.decode()
    assert f"{SETTING}: 7" in shown
