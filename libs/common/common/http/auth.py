"""Bearer tokens: those of QuickSync accounts (EdDSA), and one-minute tokens between our own services (HS256)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from common.http.problems import Refused

INTERNAL_LIFETIME = timedelta(seconds=60)
LEEWAY = timedelta(seconds=30)
"""The largest difference between the clocks of two machines."""

ANY = "*"
"""Every scope, or every merchant."""

MOST_REMEMBERED = 500
_MAX_LENGTH = 8192
_LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC)
"""The latest expiry that fits a datetime; a token may name a later one."""
_REALM = 'Bearer realm="quicksync"'
_INTERNAL_CLAIMS = ["exp", "iat", "aud", "sub"]


@dataclass(frozen=True)
class Claims:
    """The rights of a caller, until `expires_at`. Empty claims allow nothing."""

    subject: str = ""
    scopes: frozenset[str] = frozenset()
    merchants: frozenset[str] = frozenset()
    expires_at: datetime = field(default=_LAST_MOMENT, compare=False)

    def allows(self, scope: str) -> bool:
        """Return whether the token grants this scope, or every scope."""
        return not self.scopes.isdisjoint({scope, ANY})

    def covers(self, merchant_id: str) -> bool:
        """Return whether the token covers this merchant, or every merchant."""
        return not self.merchants.isdisjoint({merchant_id, ANY})

    def seconds_left(self) -> float:
        """Return how long the token is still valid, for answers that last; below zero within the leeway."""
        return (self.expires_at - datetime.now(UTC)).total_seconds()


class Keys:
    """Verifies tokens. `public_keys` are Ed25519 keys in PEM, `secrets` are shared by our services.

    Several of each are accepted at once, so that they can be rotated. Raises ValueError for a malformed key.
    """

    def __init__(self, public_keys: Sequence[str], secrets: Sequence[SecretStr], audience: str) -> None:
        self._public = [_public_key(pem) for pem in public_keys]
        self._verified: dict[str, Claims] = {}
        self._shared = [shared_key(secret) for secret in secrets]
        self._audience = audience

    def bearer(self, header: str | None) -> Claims:
        """Return the claims of a caller of a public route. Raises Refused (401).

        The caller is an account, or another service of ours on behalf of one.
        """
        token = _token(header)
        known = self._verified.get(token)
        if known is not None and known.expires_at > datetime.now(UTC):
            return known
        if _algorithm(token) == "HS256":
            return _rights(self._short_lived(token, required=[*_INTERNAL_CLAIMS, "scope", "merchants"]))
        claims = _rights(_verified(token, self._public, algorithm="EdDSA", required=["exp"]))
        self._remember(token, claims)
        return claims

    def _remember(self, token: str, claims: Claims) -> None:
        """Keep the claims until they expire: the keys of a process never change, and a signature is slow to verify."""
        if len(self._verified) >= MOST_REMEMBERED:
            self._verified.clear()
        self._verified[token] = claims

    def internal(self, header: str | None) -> Claims:
        """Return the claims of another service that calls an internal route. Raises Refused (401)."""
        claims = self._short_lived(_token(header), required=_INTERNAL_CLAIMS)
        if "scope" in claims:
            # its rights are those of an account, and no account may use an internal route
            raise _unauthorized("The token was made on behalf of an account; it does not open internal routes.")
        return Claims(subject=claims["sub"])

    def _short_lived(self, token: str, required: list[str]) -> dict[str, Any]:
        claims = _verified(token, self._shared, algorithm="HS256", required=required, audience=self._audience)
        if int(claims["exp"]) - int(claims["iat"]) > INTERNAL_LIFETIME.total_seconds():
            raise _unauthorized("The lifetime of the token is too long; internal tokens are valid for a minute.")
        return claims


def mint_internal(secrets: Sequence[SecretStr], audience: str, caller: str, on_behalf_of: Claims | None = None) -> str:
    """Make a token with which the service `caller` may call the service `audience` for one minute.

    The token opens the internal routes. On behalf of an account it opens the public routes instead, for the scopes
    and merchants of that account.
    """
    now = datetime.now(UTC)
    claims: dict[str, Any] = {"sub": caller, "aud": audience, "iat": now, "exp": now + INTERNAL_LIFETIME}
    if on_behalf_of is not None:
        scope, merchants = " ".join(sorted(on_behalf_of.scopes)), sorted(on_behalf_of.merchants)
        claims |= {"sub": on_behalf_of.subject, "act": {"sub": caller}, "scope": scope, "merchants": merchants}
    return jwt.encode(claims, shared_key(secrets[0]), algorithm="HS256")


def _rights(claims: dict[str, Any]) -> Claims:
    scope, merchants = claims.get("scope", ""), claims.get("merchants", [])
    if not isinstance(scope, str) or not _is_list_of_texts(merchants):
        raise _unauthorized("The claim `scope` must be a text and the claim `merchants` a list of texts.")
    expires_at = datetime.fromtimestamp(min(int(claims["exp"]), _LAST_MOMENT.timestamp()), UTC)
    return Claims(str(claims.get("sub", "")), frozenset(scope.split()), frozenset(merchants), expires_at)


def _verified(
    token: str, keys: Sequence[Any], *, algorithm: str, required: list[str], **expected: Any
) -> dict[str, Any]:
    for key in keys:
        try:
            return jwt.decode(
                token, key, algorithms=[algorithm], leeway=LEEWAY, options={"require": required}, **expected
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise _unauthorized("The token has expired; ask for a new one.") from None
        except jwt.PyJWTError:
            raise _unauthorized("The token is malformed, or lacks a claim that is needed here.") from None
    raise _unauthorized("The token is not signed by a known key.")


def _algorithm(token: str) -> object:
    """Return the algorithm the token names. It only selects the keys to verify with, so it needs no trust."""
    try:
        return jwt.get_unverified_header(token).get("alg")
    except jwt.PyJWTError:
        return None


def _token(header: str | None) -> str:
    if not header:
        raise _unauthorized("Send the header `Authorization: Bearer <token>`.", _REALM)
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.isascii() or len(token) > _MAX_LENGTH:
        raise _unauthorized("The Authorization header is not `Bearer <token>`.")
    return token


def _unauthorized(detail: str, challenge: str = f'{_REALM}, error="invalid_token"') -> Refused:
    return Refused(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _public_key(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("QS_JWT_PUBLIC_KEYS: a value is not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("QS_JWT_PUBLIC_KEYS: a key is not an Ed25519 key")  # noqa: TRY004 - a setting is wrong, not a type
    return key


def shared_key(secret: SecretStr) -> bytes:
    """Derive the HS256 key from a shared secret: 32 bytes, bound to this purpose."""
    return hashlib.sha256(b"quicksync internal tokens\n" + secret.get_secret_value().encode()).digest()
