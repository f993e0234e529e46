"""Clover's OAuth v2: a code or a refresh token is exchanged for a pair of tokens."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Annotated, Self

import aiohttp
from pydantic import Field, StringConstraints

from catalog.domain.oauth import OAuthApp, Tokens, by_our_clock, refresh_time
from common.clock import Clock
from common.clover.errors import clover_message, decoded, retry_after
from common.clover.exchange import Lost, began_at, open_session
from common.clover.transport import Answered
from common.errors import Ambiguous, Permanent, Throttled, Unavailable, Undecodable

REFUSALS = frozenset({400, 401, 403})
"""Clover's statuses for a code or token that it does not accept. Any other failure says nothing about the token."""

TOO_MANY = 429
NOT_FOUND = 404
LARGEST_ANSWER = 64 * 1024

RECOVERY_HEADER = "X-Clover-Recovery-Available"
"""Sent with a refused refresh token that was used within two weeks (reported by three clients)."""

Token = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[!-~]+$")]
Seconds = Annotated[int, Field(ge=0, le=253402300799)]


class TokenAnswer(Answered):
    """A pair of tokens. The expirations are Unix seconds (documented), and it names no merchant."""

    access_token: Annotated[Token, Field(repr=False)]
    access_token_expiration: Seconds
    refresh_token: Annotated[Token, Field(repr=False)]


class TokenRefused(Permanent):
    """Clover does not accept the code or token. A `recoverable` refresh token was used before, and can be recovered."""

    def __init__(self, message: str, *, recoverable: bool = False) -> None:
        super().__init__(message)
        self.recoverable = recoverable


class OAuthClient:
    """Asks Clover for tokens; open it before use (`Service.resources`).

    Raises TokenRefused, Throttled, Unavailable when the request had no effect, and Ambiguous when it may have had one:
    the code or refresh token may then be used up.
    """

    def __init__(self, clock: Clock, seconds: float, user_agent: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = await open_session(self._user_agent, self._seconds).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def exchange(self, app: OAuthApp, code: str, verifier: str | None = None) -> Tokens:
        """Exchange an authorization code. With PKCE the verifier stands in place of the secret (documented)."""
        proof = {"code_verifier": verifier} if verifier else {"client_secret": app.secret or ""}
        return await self._post(app, "token", {"client_id": app.client_id, "code": code, **proof})

    async def refresh(self, app: OAuthApp, refresh_token: str) -> Tokens:
        """Exchange a refresh token, which is used up by it."""
        return await self._post(app, "refresh", {"client_id": app.client_id, "refresh_token": refresh_token})

    async def recover(self, app: OAuthApp, refresh_token: str) -> Tokens:
        """Get the next pair of a refresh token that is used up, because the answer to its use was lost.

        Recovery is not documented: a Clover without it answers 404.
        """
        body = {"client_id": app.client_id, "client_secret": app.secret or "", "recovery_token": refresh_token}
        return await self._post(app, "recovery", body, REFUSALS | {NOT_FOUND})

    async def _post(
        self, app: OAuthApp, path: str, body: Mapping[str, str], refusals: frozenset[int] = REFUSALS
    ) -> Tokens:
        if self._session is None:
            raise Unavailable("the OAuth client is not open")
        url = f"{app.api_url}/oauth/v2/{path}"
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                answer = await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"Clover cannot be reached ({type(error).__name__})") from error
        except (aiohttp.ClientError, OSError, Lost) as error:  # a timeout is an OSError
            raise Ambiguous(f"Clover did not answer a request for tokens ({type(error).__name__})") from error
        if response.status in refusals:
            recoverable = response.headers.get(RECOVERY_HEADER, "").lower() == "true"
            raise TokenRefused(clover_message(answer) or "Clover refused.", recoverable=recoverable)
        if response.status == TOO_MANY:
            raise Throttled("Clover asks for fewer calls", retry_after(response.headers))
        if response.status not in range(200, 300):
            raise Ambiguous(f"Clover responded to a request for tokens with status {response.status}")
        return self._tokens(answer, began_at(response.headers.get("Date", ""), 0))

    def _tokens(self, body: bytes, issued_ms: int | None) -> Tokens:
        try:
            answer = decoded(TokenAnswer, body)
        except (Undecodable, Unavailable) as error:
            raise Ambiguous(f"Clover's tokens cannot be decoded: {error}") from error
        now = self._clock.now()
        expires_at = by_our_clock(datetime.fromtimestamp(answer.access_token_expiration, UTC), issued_ms, now)
        refresh_at = refresh_time(now, expires_at, random.random())
        return Tokens(answer.access_token, expires_at, answer.refresh_token, refresh_at)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            response.close()
            raise aiohttp.ClientPayloadError
    return bytes(body)
