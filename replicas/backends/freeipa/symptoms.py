"""What FreeIPA's installers say when they fail, and what it usually means. Their words, at most in the log's error."""

from __future__ import annotations

from replicas.lifecycle.symptoms import Symptom, gettext_noop

AGAIN = ("retry", "undo")

SYMPTOMS = (
    Symptom(
        "does not match the primary host name|must be lower-case|must not resolve to localhost|cannot be a CNAME|"
        "Could not resolve hostname|Reverse DNS resolution",
        gettext_noop(
            "The host's name, its A and PTR records and its /etc/hosts do not agree: the full name has to come first, "
            "in lower case, and lead to an address that is not the loopback's."
        ),
        AGAIN,
    ),
    Symptom(
        "Failed to configure CA instance|CA configuration failed|Unable to retrieve CA chain",
        gettext_noop(
            "The copy of the authority could not be made: the master's CA is not healthy, a certificate has expired, "
            "port 8080 or 8443 is taken, or an old replica id is in the way. A CA can also be added later."
        ),
        AGAIN,
    ),
    Symptom(
        "agreement for this host already exists|already exists on the master server|half (installed|enrolled)",
        gettext_noop(
            "The host or the realm has parts of a server of that name: of an earlier installation, or of a server that "
            "is in service."
        ),
        AGAIN,
    ),
    Symptom(
        "IPA server is already configured",
        gettext_noop(
            "The host is set up as a server of a realm, and may be in service. Request the replica on another host."
        ),
        AGAIN,
    ),
    Symptom(
        # With a comma behind it, it is only said of options that are ignored.
        r"IPA client is already configured on this system\.",
        gettext_noop(
            "The host is enrolled in a realm, this one or another, and may be in use as its client. Request the "
            "replica on another host. Its file /etc/ipa/default.conf names the realm."
        ),
        AGAIN,
    ),
    Symptom(
        "IPv6 stack has to be enabled|no interface that has ::1|IPv6 is switched off",
        gettext_noop("FreeIPA needs the IPv6 stack with ::1 on the loopback interface, even where nobody uses IPv6."),
    ),
    Symptom(
        # Ports that are closed have a symptom of their own.
        r"(Remote master check failed|Could not SSH to remote host)(?![\s\S]*inaccessible port)",
        gettext_noop(
            "The master could not check the way back to the replica: oddjobd does not run there, the account lacks the "
            "privilege «Replication Administrators», or the master does not let it in by SSH. See oddjobd and the "
            "error log of httpd on the master."
        ),
        AGAIN,
    ),
    Symptom(
        "password provided is incorrect for LDAP server|Directory Manager password is invalid",
        gettext_noop(
            "The directory does not accept the Directory Manager password: it was changed, or mistyped when it was "
            "stored. An installer that has no password comes as root: then see that «nsslapd-ldapiautobind» is on."
        ),
        ("retry", "passwords"),
    ),
    Symptom(
        "Can't contact LDAP server|Failed to start replication",
        gettext_noop("The master does not reach the replica's directory on port 389 by the replica's name."),
        AGAIN,
    ),
    Symptom(
        "Insufficient privileges to promote",
        gettext_noop("The host is no member of the host group ipaservers, or not any more."),
        AGAIN,
    ),
    Symptom(
        r"DNS server \S+: query '\. SOA':|The forwarder \S+ does not resolve names",
        gettext_noop(
            "A forwarder does not answer, which the installer takes for an error as long as signatures are to be "
            "checked: check its address, let port 53 through, or ask for «no DNSSEC validation»."
        ),
        AGAIN,
    ),
    Symptom(
        "does not support DNSSEC|EDNS0",
        gettext_noop("A forwarder does not do DNSSEC: choose another one, or no validation."),
        AGAIN,
    ),
    Symptom(
        "already exists in DNS and is handled by server",
        gettext_noop(
            "Another name server has a zone that this one was to make. Leave the zone out and have the records added "
            "there, or have it delegated to the realm and «allow zones that exist elsewhere»."
        ),
        AGAIN,
    ),
    Symptom(
        r"DNS reverse zone \S+ for IP address \S+ is not managed by|Reverse zone \S+ will not be used",
        gettext_noop(
            "The realm has no reverse zone for the replica's address: have it made (further reverse zones), or ask "
            "for «no reverse zone» and have whoever serves that zone add the PTR record."
        ),
        AGAIN,
    ),
    Symptom(
        "cannot use (IANA reserved|link-local|loopback|multicast) IP address",
        gettext_noop(
            "FreeIPA takes no address from a range that is reserved, or that no other host can reach. Request the "
            "replica with an address of its network; the same goes for forwarders."
        ),
        AGAIN,
    ),
    Symptom(
        "active KRA server|KRA is not installed on the master system",
        gettext_noop(
            "No server of the realm has a KRA that runs, so there is none to copy. Start it on the server that has it "
            "(«ipactl status» there), or leave the KRA out and set up the first one with ipa-kra-install."
        ),
        AGAIN,
    ),
    Symptom(
        "Certificate issuance failed|CA_UNREACHABLE|CA_REJECTED|wait_for_entry timeout",
        gettext_noop("The realm's authority is slow or does not answer. Look at its server before trying again."),
        AGAIN,
    ),
    Symptom(
        "Unexpected system mask|Less than the minimum .*RAM|MiB of memory are available",
        gettext_noop(
            "The machine has too little memory that is free, or a umask under which services cannot read files."
        ),
    ),
    Symptom(
        "Replica Busy",
        gettext_noop("Another replica is being initialized. Install one after the other."),
        AGAIN,
    ),
    Symptom(
        "no common enctype|KDC has no support for encryption type",
        gettext_noop(
            "The two hosts have no encryption type of Kerberos in common, or a key is older than what is allowed now: "
            "give both the same crypto policy («update-crypto-policies --show») and FIPS mode, and renew such keys."
        ),
        AGAIN,
    ),
    Symptom(
        "Cannot install replica of a server of higher version|FIPS",
        gettext_noop("The replica's FreeIPA is older than the master's, or only one of them is in FIPS mode."),
        AGAIN,
    ),
    Symptom(
        "Timed out trying to obtain keys",
        gettext_noop("The replica did not get the keys from the master's custodia: see ipa-custodia on the master."),
        AGAIN,
    ),
    Symptom(
        "disconnects topology|would fall apart|is the last server of",
        gettext_noop(
            "The realm keeps a server that others need: as a link between them, or as the last one of a role."
        ),
    ),
)
