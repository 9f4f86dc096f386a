"""A frozen job in words, named as in the guide."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Field
from django.utils.translation import gettext as _

from replicas.choices import ForwardPolicy
from replicas.lifecycle.job import (
    CERTIFICATE_FILES,
    LISTS,
    NUMBERS,
    SOME_REALMS,
    TEXTS,
    UPLOADS,
    Endpoint,
    Job,
    UploadedCertificate,
)
from replicas.models import Replica, UploadName


def described(job: Job) -> list[tuple[str, str]]:
    """Label and value of everything that the request says."""
    options = job.options
    rows = [(_("Reason"), options.removal_reason)] if options.removal_reason else []
    if options.host_gone_reason:
        rows.append((_("The host is gone"), options.host_gone_reason))
    if options.instead_of:
        rows.append((_("Worked on without"), options.instead_of))
    rows += [
        (_("Realm"), job.realm.name),
        (_("Master"), job.master.hostname),
        (_("Replica"), job.replica.hostname),
        (_("SSH"), ssh(job.replica)),
        (_("IP addresses"), ", ".join(options.ip_addresses) or _("none: no address records are made")),
        (_("Reverse zone"), _("none") if options.no_reverse else options.reverse_zone or _("the most specific one")),
        (_("Certificate authority"), yes_no(options.setup_ca)),
        (_("DNS service"), yes_no(options.setup_dns)),
    ]
    if options.setup_dns:
        rows += [
            (_("Forwarders"), ", ".join(options.forwarders) or _("none")),
            (_("Forward policy"), str(ForwardPolicy(options.forward_policy).label)),
            (_("DNSSEC validation"), yes_no(not options.no_dnssec_validation)),
        ]
    if options.partner:
        rows += [(_("Agreement with"), options.partner), (_("Suffix"), options.suffix)]
    rows += [(name_of(name), _("yes")) for name in SOME_REALMS if getattr(options, name)]
    rows += [(name_of(name), ", ".join(words)) for name in LISTS if (words := getattr(options, name))]
    rows += [(name_of(name), text) for name in (*TEXTS, *CERTIFICATE_FILES) if (text := getattr(options, name))]
    rows += [(name_of(name), str(one)) for name in NUMBERS if (one := getattr(options, name)) is not None]
    rows += [(str(UploadName(name).label), certificate(one)) for name in UPLOADS if (one := getattr(options, name))]
    if options.skip_conncheck_reason:
        rows.append((_("Connection check skipped"), options.skip_conncheck_reason))
    if options.other_host_reason:
        rows.append((_("Bundle of another host accepted"), options.other_host_reason))
    if not options.removal_reason:
        rows.append((_("Bundle is valid for"), _("%(hours)d hours") % {"hours": options.bundle_hours}))
    return rows


def certificate(one: UploadedCertificate) -> str:
    return _(
        "%(subject)s, issued by %(issuer)s, for %(names)s, valid from %(begins)s to %(ends)s, SHA-256 %(sha256)s, "
        "authorities up to the root: SHA-256 %(chain)s"
    ) % {
        "subject": one.subject or _("no subject"),
        "issuer": one.issuer,
        "names": ", ".join(one.names) or _("no DNS name"),
        "begins": one.begins[:16].replace("T", " "),
        "ends": one.ends[:16].replace("T", " "),
        "sha256": one.sha256,
        "chain": ", ".join(one.chain),
    }


def name_of(option: str) -> str:
    return str(cast("Field[Any, Any]", Replica._meta.get_field(option)).verbose_name)


def ssh(endpoint: Endpoint) -> str:
    where = f"{endpoint.user}@{endpoint.address}"
    return _("%(where)s port %(port)d") % {"where": where, "port": endpoint.port}


def yes_no(value: bool) -> str:
    return _("yes") if value else _("no")
