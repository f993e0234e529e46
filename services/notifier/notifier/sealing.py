"""The sealing of email addresses in the database."""

from common.seal import NotOpened, Sealer


def seal_email(sealer: Sealer, merchant_id: str, email: str) -> bytes:
    return sealer.seal(email.encode(), context=_context(merchant_id))


def open_email(sealer: Sealer, merchant_id: str, sealed: bytes) -> str | None:
    """The address. None if no key of ours opens it: its key was removed, and catalog has the address."""
    try:
        return sealer.open(sealed, context=_context(merchant_id)).decode()
    except NotOpened:
        return None


def _context(merchant_id: str) -> str:
    """Binds a sealed address to its merchant, so that one copied to another row does not open."""
    return f"contact-email|{merchant_id}"
