"""What is in a bundle: the layout of FreeIPA 3.x and 4.4, and beside it what a native replica needs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.x509.oid import NameOID

from replicas.backends.native.names import CA_CERTIFICATE, CA_FOLDER, KDC_FOLDER
from replicas.clients.certificates import readable
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import packing
from replicas.together import together

DOGTAG_PORT = "389"
AGENT = "IPA RA"
COMMON_NAME, DIGEST = 64, 16
"""The longest common name that X.509 allows (RFC 5280, ub-common-name), and characters of a digest in one."""
ESCAPED, BACKSLASH = re.compile(r"[\\/+]"), r"\\\g<0>"
"""What separates the parts of a subject on the command line of openssl."""


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate to be issued: the log's line, its subject, and the members that it becomes."""

    line: str
    label: str
    common_name: str
    package: str
    pin: str
    subject: str

    def payload(self, job: Job, issue: str) -> dict[str, str]:
        return {"issue": issue, "host": job.replica.hostname, "subject": self.subject, "label": self.label}

    def members(self, answer: Mapping[str, Any]) -> dict[str, bytes]:
        return {self.package: base64.b64decode(answer["p12"]), self.pin: answer["pin"].encode()}


def orders(job: Job) -> tuple[Order, ...]:
    host = job.replica.hostname
    agent = agent_name(host)
    base = (
        ("Creating SSL certificate for the Directory Server", "Server-Cert", host, "dscert.p12", "dirsrv_pin.txt"),
        ("Creating SSL certificate for the Web Server", "httpd", host, "httpcert.p12", "http_pin.txt"),
    )
    authority = (
        (
            "Creating SSL certificate for the dogtag Directory Server",
            "dogtag",
            host,
            "dogtagcert.p12",
            "dogtag_pin.txt",
        ),
        ("Exporting RA certificate", "ipa-ra", agent, "ra.p12", "ra_pin.txt"),
    )
    return tuple(Order(*one, subject(job, one[2])) for one in base + authority * job.options.setup_ca)


def common_names(job: Job) -> list[str]:
    return [job.replica.hostname, agent_name(job.replica.hostname)]


def agent_name(hostname: str) -> str:
    """The common name of the registration agent's certificate, in which a digest stands for the end of a long name."""
    name = f"{AGENT} {hostname}"
    if len(name) <= COMMON_NAME:
        return name
    digest = hashlib.sha256(hostname.encode()).hexdigest()[:DIGEST]
    return f"{name[: COMMON_NAME - DIGEST - 1]}~{digest}"


def subject(job: Job, common_name: str) -> str:
    """The subject for openssl. Its organization is that of the authority, whose policy wants the same one."""
    return f"/O={ESCAPED.sub(BACKSLASH, organization(job))}/CN={common_name}"


def organization(job: Job) -> str:
    for certificate in readable(job.realm.ca_certificate)[:1]:
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
            return str(attribute.value)
    return job.realm.name


async def collect(ctx: Context) -> dict[str, bytes]:
    """Everything but the certificates, from the master."""
    job, master = ctx.job, await ctx.host("master")
    paths = {
        "ca.crt": CA_CERTIFICATE,
        "crl.pem": f"{CA_FOLDER}/crl.pem",
        "kdc.conf": f"{KDC_FOLDER}/kdc.conf",
        "kadm5.acl": f"{KDC_FOLDER}/kadm5.acl",
        "kdc_stash": f"{KDC_FOLDER}/.k5.{job.realm.name}",
        "kdc_service.keyfile": f"{KDC_FOLDER}/service.keyfile",
    }
    if job.options.setup_ca:
        paths |= {"ca_openssl.cnf": f"{CA_FOLDER}/openssl.cnf", "ca_index.txt": f"{CA_FOLDER}/index.txt"}
    contents = await together(*(master.read(path) for path in paths.values()))
    members = dict(zip(paths, contents, strict=True))
    members["realm_info"] = packing.describe(job)
    if job.options.setup_ca:
        members["dogtag_directory_port.txt"] = f"{DOGTAG_PORT}\n".encode()
        exported = await master.python("native_export", {})
        ctx.mask(exported["pin"])
        members["cacert.p12"] = base64.b64decode(exported["p12"])
        members["cacert_pin.txt"] = exported["pin"].encode()
    return members
