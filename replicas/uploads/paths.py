"""Find the chain from a certificate to a root: of several the one that is valid and known to the realm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from replicas.clients import certificate_rules as rules
from replicas.uploads import links

LONGEST = 10
"""Certificates from a service's to the root."""
MOST_SIGNATURES, MOST_PATHS, MOST_STEPS = 200, 50, 2000
"""What is verified, compared and tried at most, however many certificates of one name there are."""
Path = tuple[x509.Certificate, ...]


class Search:
    """Paths from a certificate. The roots that a realm knows need no signature; `incomplete` has no root."""

    def __init__(self, known: Iterable[x509.Certificate], roots: Iterable[x509.Certificate], now: datetime) -> None:
        self._trusted = frozenset(roots)
        self._now = now
        self._by_subject: dict[x509.Name, list[x509.Certificate]] = {}
        for one in dict.fromkeys([*known, *self._trusted]):
            self._by_subject.setdefault(one.subject, []).append(one)
        self._signatures: dict[tuple[x509.Certificate, x509.Certificate], bool] = {}
        self.incomplete: Path = ()
        self.too_long = False
        self._steps = 0

    def best(self, certificate: x509.Certificate) -> Path | None:
        """The path in which nothing is wrong and that the realm knows; else the next best one."""
        found: list[Path] = []
        for path in self._paths((certificate,)):
            found.append(path)
            if self._rank(path) == (True, True) or len(found) == MOST_PATHS:
                break
        return max(found, key=self._rank, default=None)

    def _rank(self, path: Path) -> tuple[bool, bool]:
        return links.problem(path, self._now) is None, not self._trusted.isdisjoint(path[1:])

    def _paths(self, path: Path) -> Iterator[Path]:
        """Complete paths, depth first, the most likely ones first."""
        last = path[-1]
        if self._is_root(last):
            yield path
            return
        self._steps += 1
        if len(path) > LONGEST or self._steps > MOST_STEPS:
            self.too_long = self.too_long or len(path) > LONGEST
            return
        issuers = [one for one in self._candidates(last) if one not in path and self._signed(last, one)]
        if (not issuers or not self.incomplete) and len(path) > len(self.incomplete):
            self.incomplete = path
        for issuer in issuers:
            yield from self._paths((*path, issuer))

    def _candidates(self, certificate: x509.Certificate) -> list[x509.Certificate]:
        """Certificates of the issuer's name. Those come first that are valid, known, and meant by their key."""
        return sorted(
            self._by_subject.get(certificate.issuer, ()),
            key=lambda one: (
                one.not_valid_before_utc <= self._now < one.not_valid_after_utc,
                one in self._trusted,
                _names_key(certificate, one),
                one.not_valid_after_utc,
            ),
            reverse=True,
        )

    def _is_root(self, certificate: x509.Certificate) -> bool:
        if certificate.subject != certificate.issuer:
            return False
        return certificate in self._trusted or self._signed(certificate, certificate)

    def _signed(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        pair = certificate, issuer
        if pair not in self._signatures:
            self._signatures[pair] = len(self._signatures) < MOST_SIGNATURES and _verified(*pair)
        return self._signatures[pair]


def _verified(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer signed it. A weak signature is not verified and counts: links.problem calls it weak."""
    if certificate.issuer != issuer.subject:
        return False
    if rules.digest_of(certificate) in rules.WEAK:
        return True
    try:
        certificate.verify_directly_issued_by(issuer)
    except UnsupportedAlgorithm:
        return True
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names_key(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the key identifiers of both agree, as far as there are any."""
    try:
        wanted = rules.extension(certificate, x509.AuthorityKeyIdentifier)
        own = rules.extension(issuer, x509.SubjectKeyIdentifier)
    except ValueError:
        return True
    return wanted is None or own is None or wanted.key_identifier in (None, own.digest)
