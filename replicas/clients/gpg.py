"""Seal and open bundles with a password (GnuPG, symmetric AES256)."""

from __future__ import annotations

import tempfile

import gnupg

from replicas.errors import BundleError, WrongPassword

# No agent: there is no key to guard, and it would outlive its folder. Iterations as GnuPG's own slow default (RFC 4880,
# 3.7.1.3, largest count): without an agent gpg cannot measure one.
OPTIONS = ["--no-options", "--no-autostart", "--no-symkey-cache", "--pinentry-mode", "loopback"]
SEALING = ["--s2k-mode", "3", "--s2k-digest-algo", "SHA512", "--s2k-count", "65011712", "--compress-algo", "zlib"]
MAKE_ANOTHER = "Prepare the replica again for a new bundle."


def seal(data: bytes, passphrase: str) -> bytes:
    """Encrypt, about 300 ms of which are key derivation. The password goes over a pipe. Raises BundleError."""
    if set(passphrase) & set("\r\n\0"):
        raise BundleError("The password contains a line end.", "Choose another Directory Manager password.")
    with _home() as home:
        result = _gpg(home).encrypt(
            data, recipients=None, symmetric="AES256", passphrase=passphrase, armor=False, extra_args=SEALING
        )
    if not result.ok:
        raise BundleError(f"The bundle could not be sealed: {result.status}.", "See that gpg works on this machine.")
    return bytes(result.data)


def unseal(data: bytes, passphrase: str) -> bytes:
    """The content. Raises WrongPassword, and BundleError for a truncated, damaged or foreign file."""
    with _home() as home:
        result = _gpg(home).decrypt(data, passphrase=passphrase, always_trust=True)
    lines = [line.split() for line in (result.stderr or "").splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[1]: line[2:] for line in lines}
    if any("BAD_PASSPHRASE" in word for word in words.get("ERROR", [])):
        raise WrongPassword("The password does not open the bundle.", "Give the password that it was sealed with.")
    if "DECRYPTION_OKAY" in words and "BADMDC" not in words and result.returncode == 0:
        return bytes(result.data)
    if "NODATA" in words and "BEGIN_DECRYPTION" not in words:
        raise BundleError("The bundle is not an OpenPGP file.", MAKE_ANOTHER)
    if "NEED_PASSPHRASE_SYM" not in words:
        raise BundleError("The bundle was not sealed with a password.", MAKE_ANOTHER)
    raise BundleError("The bundle is truncated or damaged.", MAKE_ANOTHER)


def _home() -> tempfile.TemporaryDirectory[str]:
    """A GNUPGHOME (0700) for one operation."""
    return tempfile.TemporaryDirectory(prefix="portal-gpg-")


def _gpg(home: str) -> gnupg.GPG:
    return gnupg.GPG(gnupghome=home, options=OPTIONS, encoding="utf-8")
