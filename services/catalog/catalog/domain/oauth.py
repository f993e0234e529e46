"""The rules of OAuth with Clover: where a person authorizes us, and how long tokens last."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

STATE_LASTS = timedelta(minutes=15)
"""The time in which a person signs in to Clover and allows the access; a code of Clover's lives as long at most."""

SOONEST = timedelta(seconds=5)
"""The shortest pause before a refresh: a token that seems to have expired when it is issued is not refreshed at once,
again and again."""

CREDIBLE = timedelta(days=1)
"""A clock that differs by more is taken to be no clock."""

LONGEST_LIFE = timedelta(days=400)
"""Longer than the life of any token (refresh tokens live for about a year)."""

EVERY_MERCHANT = "*"
"""In the claims of a bearer token, and in a state that it began: any merchant."""


@dataclass(frozen=True)
class OAuthApp:
    """Our app in one region of Clover. An app without a secret proves itself by PKCE.

    `web_url` is the address of Clover's authorize page, `api_url` that of its tokens, `redirect_url` where it sends the
    browser afterwards.
    """

    client_id: str
    secret: str | None = field(repr=False)
    web_url: str
    api_url: str
    redirect_url: str

    def authorize_url(self, state: str, merchant_id: str | None, verifier: str | None) -> str:
        """Return the address at which a person allows us the access to their merchant."""
        query: dict[str, str | None] = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_url,
            "state": state,
            "merchant_id": merchant_id,
            "code_challenge": challenge(verifier) if verifier else None,
        }
        return f"{self.web_url}/oauth/v2/authorize?{urlencode(_given(query))}"


@dataclass(frozen=True)
class Tokens:
    """The credentials for one merchant: an API token, which lasts, or a pair of OAuth tokens, which expire.

    A refresh token works once, and gives the next pair.
    """

    access: str = field(repr=False)
    access_expires_at: datetime | None = None
    refresh: str | None = field(default=None, repr=False)
    refresh_at: datetime | None = None


@dataclass(frozen=True)
class SealedTokens:
    """The same tokens as they are stored."""

    token: bytes = field(repr=False)
    expires_at: datetime | None
    refresh_token: bytes | None = field(repr=False)
    refresh_at: datetime | None


@dataclass(frozen=True)
class StartedConnection:
    """The connection that a person wanted when they were sent to Clover.

    `merchant_id` is the one merchant that may come back, if it was known; `merchants` are those that the caller may
    connect.
    """

    account_id: str
    region: str
    merchant_id: str | None
    merchants: tuple[str, ...]

    def allows(self, merchant_id: str) -> bool:
        """Return whether this merchant may come back from Clover."""
        if self.merchant_id is not None:
            return merchant_id == self.merchant_id
        return EVERY_MERCHANT in self.merchants or merchant_id in self.merchants


def masked(email: str) -> str:
    """Return the address as its owner recognizes it, and nobody else can use it."""
    name, _, host = email.partition("@")
    return f"{name[:1]}…@{host}"


def challenge(verifier: str) -> str:
    """Return the PKCE challenge of a verifier: its SHA-256 (documented)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def refresh_time(now: datetime, expires_at: datetime, draw: float) -> datetime:
    """Return when to refresh a token that expires then: after 70 to 80 % of its life, by a draw from 0 to 1.

    A fifth of the life is left for further attempts, and the draw spreads merchants that connected together.
    """
    return now + max((expires_at - now) * (0.7 + 0.1 * draw), SOONEST)


def by_our_clock(expires_at: datetime, issued_ms: int | None, now: datetime) -> datetime:
    """Return when a token expires by our clock.

    `issued_ms` is the moment by Clover's clock, in milliseconds, if Clover says it. With a clock an hour ahead of
    Clover's, each token would be over when it is issued.
    """
    skew = timedelta(0) if issued_ms is None else timedelta(milliseconds=issued_ms - 1000 * now.timestamp())
    if abs(skew) > CREDIBLE:
        skew = timedelta(0)
    return min(expires_at, now + LONGEST_LIFE) - skew


def _given(query: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value is not None}
