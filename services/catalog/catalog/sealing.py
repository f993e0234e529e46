"""Seals tokens and account addresses, each bound to its merchant and its purpose.

A sealed value that is copied to another merchant's row, or to another column, does not open.
"""

from enum import StrEnum

from catalog.domain.oauth import SealedTokens, Tokens
from common.seal import Sealer


class Secret(StrEnum):
    """The kind of a sealed value, which is part of the context that it is bound to."""

    TOKEN = "clover-token"  # noqa: S105 - a name
    REFRESH_TOKEN = "clover-refresh-token"  # noqa: S105 - a name
    EMAIL = "account-email"
    OAUTH_EMAIL = "oauth-email"
    OAUTH_VERIFIER = "oauth-verifier"

    def context(self, owner: str) -> str:
        """Return the context of this secret of a merchant, or of a started connection."""
        return f"{self}|{owner}"


def seal(sealer: Sealer, secret: Secret, owner: str, text: str) -> bytes:
    """Encrypt a secret of this merchant, or of this started connection."""
    return sealer.seal(text.encode(), context=secret.context(owner))


def open_sealed(sealer: Sealer, secret: Secret, owner: str, sealed: bytes) -> str:
    """Decrypt a secret of this merchant, or of this started connection. Raises NotOpened."""
    return sealer.open(sealed, context=secret.context(owner)).decode()


def sealed_tokens(sealer: Sealer, merchant_id: str, tokens: Tokens) -> SealedTokens:
    """Return the tokens of this merchant as they are stored."""
    refresh = seal(sealer, Secret.REFRESH_TOKEN, merchant_id, tokens.refresh) if tokens.refresh else None
    access = seal(sealer, Secret.TOKEN, merchant_id, tokens.access)
    return SealedTokens(access, tokens.access_expires_at, refresh, tokens.refresh_at)
