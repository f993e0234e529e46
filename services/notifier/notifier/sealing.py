"""Seals email addresses and hashes login links, so that the database holds neither in the clear."""

import hashlib

from common.seal import NotOpened, Sealer


def seal_email(sealer: Sealer, merchant_id: str, email: str) -> bytes:
    return sealer.seal(email.encode(), context=_context(merchant_id))


def open_email(sealer: Sealer, merchant_id: str, sealed: bytes) -> str | None:
    """Return the address, or None if no key of ours opens it: its key was removed, and catalog has the address."""
    try:
        return sealer.open(sealed, context=_context(merchant_id)).decode()
    except NotOpened:
        return None


def link_hash(token: str) -> bytes:
    """Return the hash of a login token. It leaves out a JWT's signature, of which several spellings are valid."""
    return hashlib.sha256((token.rpartition(".")[0] or token).encode("utf-8", "surrogatepass")).digest()


def _context(merchant_id: str) -> str:
    """Binds a sealed address to its merchant, so that one copied to another row does not open."""
    return f"contact-email|{merchant_id}"
