"""Seals API tokens and account addresses, each bound to its merchant.

A sealed value that is copied to another merchant's row does not open.
"""

from common.seal import Sealer


def seal_token(sealer: Sealer, merchant_id: str, token: str) -> bytes:
    """Encrypt a merchant's API token."""
    return sealer.seal(token.encode(), context=_token_context(merchant_id))


def open_token(sealer: Sealer, merchant_id: str, sealed: bytes) -> str:
    """Decrypt a merchant's API token. Raises NotOpened."""
    return sealer.open(sealed, context=_token_context(merchant_id)).decode()


def seal_email(sealer: Sealer, merchant_id: str, email: str) -> bytes:
    """Encrypt the e-mail address of the account."""
    return sealer.seal(email.encode(), context=_email_context(merchant_id))


def open_email(sealer: Sealer, merchant_id: str, sealed: bytes) -> str:
    """Decrypt the e-mail address of the account. Raises NotOpened."""
    return sealer.open(sealed, context=_email_context(merchant_id)).decode()


def _token_context(merchant_id: str) -> str:
    return f"clover-token|{merchant_id}"


def _email_context(merchant_id: str) -> str:
    return f"account-email|{merchant_id}"
