"""TLS as a client of the realm has it: the portal and every host trust the same certificates."""

import ssl

from replicas.hostside import pem

STRICT, PARTIAL_CHAIN = 0x20, 0x80000
"""X509_V_FLAG_X509_STRICT and X509_V_FLAG_PARTIAL_CHAIN: not every Python has a name for them."""


def trusting(authorities: str) -> ssl.SSLContext:
    """A context that trusts these certificates (PEM) and no others, and insists on the name of the server.

    Python 3.13 turned RFC 5280's rules for issuers on, which OpenSSL and FreeIPA's own client leave off: an authority
    whose constraints are not critical, or one of version 1, works in the realm. As in NSS and curl, each certificate
    is trusted by itself, so an expired root above it does not matter.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags = ssl.VerifyFlags((context.verify_flags & ~STRICT) | PARTIAL_CHAIN)
    for certificate in pem.certificates(authorities.encode("utf-8")):
        add(context, certificate)
    return context


def public() -> ssl.SSLContext:
    """A context that trusts what the machine trusts; a company's own authorities may be among that."""
    context = ssl.create_default_context()
    context.verify_flags = ssl.VerifyFlags(context.verify_flags & ~STRICT)
    return context


def add(context: ssl.SSLContext, certificate: bytes) -> bool:
    """Trust a certificate (DER). Returns False for one that OpenSSL cannot read, which no program trusts."""
    try:
        context.load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError):
        return False
    return True


def readable(certificate: bytes) -> bool:
    """Whether OpenSSL can read a certificate (DER)."""
    return add(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)


def accepting() -> ssl.SSLContext:
    """A context that accepts every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
