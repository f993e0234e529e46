"""OAuth v2: authorization codes, short-lived access tokens, and refresh tokens that work once."""

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from clover_sandbox.answers import Answer, Refused, bad_request, not_found
from clover_sandbox.world import Token, World

ACCESS_SECONDS = 30 * 60
REFRESH_SECONDS = 366 * 24 * 3600
CODE_SECONDS = 10 * 60
RECOVERY_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class Code:
    """The grant behind an authorization code."""

    merchant_id: str
    challenge: str | None
    expires: float


@dataclass
class Refresh:
    """A refresh token. `used` is the wall time of its use in seconds; a used one can only be recovered with, once."""

    merchant_id: str
    expires: float
    used: float | None = None
    recovered: bool = False


@dataclass
class OAuth:
    """The authorization server of one app."""

    world: World
    codes: dict[str, Code] = field(default_factory=dict)
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    access_seconds: float = ACCESS_SECONDS
    refresh_seconds: float = REFRESH_SECONDS

    def authorize(self, query: Mapping[str, str]) -> Answer:
        """Redirect back with a code and the given state. Without a merchant, show a page to choose one."""
        self._check_client(query.get("client_id"))
        target = query.get("redirect_uri", "")
        self._check_target(target)
        merchant = self.world.merchants.get(query.get("merchant_id", ""))
        if merchant is None:
            return self._choice(query)
        code = self.world.ids.uuid()
        self.codes[code] = Code(merchant.id, query.get("code_challenge"), self.world.clock.now() + CODE_SECONDS)
        back = {
            "merchant_id": merchant.id,
            "employee_id": merchant.owner_id,
            "client_id": self.world.app.id,
            "code": code,
        }
        if "state" in query:
            back["state"] = query["state"]
        joint = "&" if urlsplit(target).query else "?"
        return Answer("", 302, {"Location": f"{target}{joint}{urlencode(back)}"})

    def token(self, body: Mapping[str, Any], query: Mapping[str, str]) -> Answer:
        """Exchange a code, once, for a pair of tokens. With PKCE the verifier replaces the secret (documented)."""
        self._check_client(body.get("client_id"))
        text = str(body.get("code"))
        code = self.codes.get(text)
        if code is None or code.expires <= self.world.clock.now():
            raise bad_request("Failed to validate authentication code")
        if code.challenge is not None or "code_verifier" in body:
            self._check_verifier(code, str(body.get("code_verifier")))
        else:
            self._check_secret(body.get("client_secret"))
        del self.codes[text]
        return self._pair(code.merchant_id, with_refresh=query.get("no_refresh_token") != "true")

    def refresh(self, body: Mapping[str, Any]) -> Answer:
        """Exchange a refresh token for a new pair. The old token stops working at once (documented)."""
        self._check_client(body.get("client_id"))
        text = str(body.get("refresh_token"))
        held = self.refreshes.get(text)
        if held is None or not self._alive(held):
            raise self._refresh_refused(held)
        held.used = self.world.clock.now()
        if self.world.switches.on("refresh_ends_access"):
            self.world.revoke_tokens(held.merchant_id, expiring_only=True)
        return self._pair(held.merchant_id, with_refresh=True)

    def recover(self, body: Mapping[str, Any]) -> Answer:
        """Issue a new pair for a refresh token used within two weeks (reported by clients), once (a guess)."""
        if self.world.switches["refresh_recovery"] == "absent":
            raise not_found("The requested resource could not be found.")
        self._check_client(body.get("client_id"))
        self._check_secret(body.get("client_secret"))
        held = self.refreshes.get(str(body.get("recovery_token")))
        if held is None or not self._recoverable(held):
            raise Refused(401, "Invalid recovery token")
        held.recovered = True
        return self._pair(held.merchant_id, with_refresh=True)

    def revoke_refreshes(self, merchant_id: str) -> None:
        """Revoke every refresh token of the merchant."""
        self.refreshes = {text: held for text, held in self.refreshes.items() if held.merchant_id != merchant_id}

    def _pair(self, merchant_id: str, *, with_refresh: bool) -> Answer:
        now, ids = self.world.clock.now(), self.world.ids
        access, expires = ids.uuid(), now + self.access_seconds
        self.world.tokens[access] = Token(merchant_id, self.world.permissions[merchant_id], expires)
        body: dict[str, Any] = {"access_token": access, "access_token_expiration": int(expires)}
        if with_refresh:
            refresh = ids.uuid()
            self.refreshes[refresh] = Refresh(merchant_id, now + self.refresh_seconds)
            self._limit_live(merchant_id)
            body.update(refresh_token=refresh, refresh_token_expiration=int(now + self.refresh_seconds))
        return Answer(body)

    def _limit_live(self, merchant_id: str) -> None:
        """Delete the oldest live refresh tokens of the merchant beyond the limit (documented; its number a guess)."""
        limit = self.world.switches["live_refresh_tokens"]
        if limit != "unlimited":
            live = [text for text, held in self.refreshes.items() if held.merchant_id == merchant_id and not held.used]
            for text in live[: -int(limit)]:
                del self.refreshes[text]

    def _alive(self, held: Refresh) -> bool:
        installed = self.world.merchants[held.merchant_id].installed
        return held.used is None and held.expires > self.world.clock.now() and installed

    def _recoverable(self, held: Refresh) -> bool:
        installed = self.world.merchants[held.merchant_id].installed
        spent = held.used is not None and self.world.clock.now() - held.used < RECOVERY_SECONDS
        again = not held.recovered or self.world.switches["recovery_again"] == "works"
        return spent and again and installed

    def _refresh_refused(self, held: Refresh | None) -> Refused:
        refusal = Refused(401, "Invalid refresh token")
        if held is None:
            return refusal
        if held.used is not None and self.world.switches["refresh_reuse"] == "revoke_all":
            self.world.revoke_tokens(held.merchant_id, expiring_only=True)
            self.revoke_refreshes(held.merchant_id)
            return refusal
        if self._recoverable(held) and self.world.switches["refresh_recovery"] == "offered":
            refusal.headers["X-Clover-Recovery-Available"] = "true"
        return refusal

    def _check_client(self, client_id: Any) -> None:
        if client_id != self.world.app.id:
            raise Refused(401, "Invalid client_id")

    def _check_secret(self, secret: Any) -> None:
        if secret != self.world.app.secret:
            raise Refused(401, "Invalid client_secret")

    def _check_target(self, target: str) -> None:
        """Raise 400 unless the redirect stays on the app's site (documented)."""
        site = self.world.app.site_url
        try:
            wanted = urlsplit(target)
        except ValueError:
            raise bad_request("Invalid redirect_uri") from None
        elsewhere = site is not None and urlsplit(site).netloc != wanted.netloc
        if wanted.scheme not in {"http", "https"} or elsewhere or not target.isprintable():
            raise bad_request("Invalid redirect_uri")

    def _check_verifier(self, code: Code, verifier: str) -> None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if code.challenge != digest:
            raise bad_request("Failed to validate authentication code")

    def _choice(self, query: Mapping[str, str]) -> Answer:
        rows = []
        for each in self.world.merchants.values():
            link = html.escape("?" + urlencode({**query, "merchant_id": each.id}))
            rows.append(f'<li><a href="{link}">{html.escape(each.profile["name"])}</a></li>')
        page = f"<!doctype html><title>Choose a merchant</title><ul>{''.join(rows)}</ul>"
        return Answer(page, 200, {"Content-Type": "text/html; charset=utf-8"})
