"""What is said beside the options that only some kinds of realm have, and how they are grouped."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

FILE_HELP = _(
    "Only in a realm without an authority, in the place of an upload: path of a file on the replica's host, in PEM, "
    "with certificate, chain and key without a password, mode 0600."
)
LABEL_HELP = _("Of several certificates in the file, the one to take. Needs the file.")
HELP = {
    "setup_kra": _("A copy of the store for lost keys (--setup-kra). Needs the certificate authority."),
    "setup_adtrust": _("Serve users of trusted Active Directory domains (--setup-adtrust)."),
    "hidden_replica": _("Serves, but no DNS record leads clients to it (--hidden-replica)."),
    "mkhomedir": _("At a user's first login (--mkhomedir)."),
    "subid": _(
        "SSSD provides the subordinate user and group IDs of the realm's users, as containers use them (--subid)."
    ),
    "no_host_dns": _("The installer does not look names of hosts up in the DNS (--no-host-dns)."),
    "no_ui_redirect": _("The web server's root does not lead to the web UI (--no-ui-redirect)."),
    "skip_mem_check": _("Install even if the memory is below what FreeIPA asks for (--skip-mem-check)."),
    "skip_schema_check": _("Do not look for an outdated schema in the CA of the master (--skip-schema-check)."),
    "dirsrv_config_file": _("Path of an LDIF file on the replica's host that is applied to it (--dirsrv-config-file)."),
    "auto_forwarders": _(
        "Those that the host itself uses, in /etc/resolv.conf (--auto-forwarders). Needs «set up DNS», excludes «no "
        "forwarders»."
    ),
    "allow_zone_overlap": _(
        "Make a reverse zone even if another name server has it already (--allow-zone-overlap). Needs «set up DNS»."
    ),
    "auto_reverse": _(
        "For the addresses of the replica (--auto-reverse). Needs «set up DNS», excludes «no reverse zone»."
    ),
    "more_reverse_zones": _(
        "That the new name server makes, one a line (--reverse-zone). Needs «set up DNS», excludes «no reverse zone»."
    ),
    "dns_over_tls": _(
        "Encrypted questions and answers (--dns-over-tls). Needs «set up DNS», and the package "
        "ipa-server-encrypted-dns on the host."
    ),
    "dot_forwarders": _(
        "Address and name of the certificate, as in 192.0.2.53#dns.example.com, one a line (--dot-forwarder). Needs "
        "DNS over TLS, excludes «no forwarders»."
    ),
    "dns_policy": _("Whether plain DNS is answered too (--dns-policy). Needs DNS over TLS."),
    "dns_over_tls_cert": _(
        "Path on the replica's host (--dns-over-tls-cert); the realm's authority issues one otherwise. Needs DNS over "
        "TLS, and the key."
    ),
    "dns_over_tls_key": _("Path on the replica's host (--dns-over-tls-key). Needs DNS over TLS, and the certificate."),
    "no_ntp": _("Do not configure chrony on the host (--no-ntp). Excludes time servers."),
    "ntp_servers": _("Names or addresses, one a line (--ntp-server). Excludes «leave time alone»."),
    "ntp_pool": _("A name that leads to several time servers (--ntp-pool). Excludes «leave time alone»."),
    "no_ssh": _("Do not configure the host's SSH client (--no-ssh)."),
    "no_sshd": _("Do not configure the host's SSH server (--no-sshd)."),
    "no_dns_sshfp": _("Add no DNS records of the host's SSH keys (--no-dns-sshfp)."),
    "ssh_trust_dns": _("The host's SSH client believes keys that are in the DNS (--ssh-trust-dns)."),
    "add_agents": _("Let other servers of the realm serve trusted users too (--add-agents). Needs the trust."),
    "enable_compat": _("For clients without SSSD (--enable-compat). Needs the trust."),
    "add_sids": _("For users and groups that were there before (--add-sids)."),
    "netbios_name": _("Of the realm, as Windows sees it (--netbios-name): at most 15 capital letters and digits."),
    "rid_base": _("Where the last parts of SIDs begin (--rid-base); empty: the installer's own value."),
    "secondary_rid_base": _(
        "For users and groups with the same number (--secondary-rid-base); another than the first one."
    ),
    "pki_config_override": _(
        "Path of a file on the replica's host with settings for its CA (--pki-config-override). Needs the certificate "
        "authority."
    ),
    "token_library_path": _(
        "Path of its PKCS#11 library on the replica's host (--token-library-path), where it is another one than on the "
        "master. Needs the certificate authority, and a realm whose keys are in a hardware security module."
    ),
    "token_password_file": _(
        "Path of a file on the replica's host with the module's password (--token-password-file). Needs the "
        "certificate authority."
    ),
    "dirsrv_cert_file": FILE_HELP,
    "http_cert_file": FILE_HELP,
    "pkinit_cert_file": FILE_HELP,
    "dirsrv_cert_name": LABEL_HELP,
    "http_cert_name": LABEL_HELP,
    "pkinit_cert_name": LABEL_HELP,
    "leftovers_reason": _(
        "Filled in, what the realm still knows of an earlier replica of this name goes first, for this reason: its "
        "server entry, agreements, host, principals and replica ids. Not while that replica answers."
    ),
    "no_pkinit": _(
        "Tickets are not given out for certificates (--no-pkinit). In a realm without an authority it excludes a "
        "certificate of the KDC, and one of both is needed."
    ),
}
GROUPS = {
    _("For FreeIPA and Red Hat IdM"): (
        "setup_kra", "setup_adtrust", "hidden_replica", "mkhomedir", "subid", "no_host_dns", "no_ui_redirect",
        "skip_mem_check", "skip_schema_check", "dirsrv_config_file", "leftovers_reason",
    ),
    _("Forwarders and zones"): ("auto_forwarders", "auto_reverse", "allow_zone_overlap", "more_reverse_zones"),
    _("DNS over TLS"): (
        "dns_over_tls", "dns_policy", "dns_over_tls_cert", "dot_forwarders", "dns_over_tls_key",
    ),
    _("Time and SSH"): (
        "no_ntp", "ntp_servers", "ntp_pool", "no_ssh", "no_sshd", "no_dns_sshfp", "ssh_trust_dns",
    ),
    _("Active Directory"): (
        "add_agents", "enable_compat", "add_sids", "netbios_name", "rid_base", "secondary_rid_base",
    ),
    _("Settings of the certificate authority"): (
        "pki_config_override", "token_library_path", "token_password_file",
    ),
}  # fmt: skip
