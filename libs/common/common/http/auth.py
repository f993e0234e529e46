"""Who is calling: bearer tokens of QuickSync (EdDSA) and short tokens between our own services (HS256)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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
"""How far the clocks of two machines may be apart."""

_LONGEST = 8192
_ANY = "*"


@dataclass(frozen=True)
class Claims:
    """What a token says its bearer may do. Empty claims allow nothing."""

    subject: str = ""
    scopes: frozenset[str] = frozenset()
    merchants: frozenset[str] = frozenset()

    def allows(self, scope: str) -> bool:
        """Whether the scope, or every scope, is among those granted."""
        return not self.scopes.isdisjoint({scope, _ANY})

    def covers(self, merchant_id: str) -> bool:
        """Whether the bearer may see this merchant at all."""
        return not self.merchants.isdisjoint({merchant_id, _ANY})


class Keys:
    """Verifies tokens: `public_keys` are PEM texts of Ed25519 keys, `secrets` those shared by our services.

    Raises ValueError for a key that is not one. Several of each are accepted at once, so that they can be rotated.
    """

    def __init__(self, public_keys: Sequence[str], secrets: Sequence[SecretStr], audience: str) -> None:
        self._public = [_public_key(pem) for pem in public_keys]
        self._shared = [shared_key(secret) for secret in secrets]
        self._audience = audience

    def bearer(self, header: str | None) -> Claims:
        """The claims of the `Authorization` header of a caller from outside. Raises Refused (401)."""
        claims = _verified(header, self._public, algorithm="EdDSA", required=["exp"])
        scope, merchants = claims.get("scope", ""), claims.get("merchants", [])
        if not isinstance(scope, str) or not _are_texts(merchants):
            raise _unauthorized("The claims `scope` (text) and `merchants` (list of texts) are not as agreed.")
        return Claims(str(claims.get("sub", "")), frozenset(scope.split()), frozenset(merchants))

    def internal(self, header: str | None) -> Claims:
        """The claims of the `Authorization` header of another service of ours. Raises Refused (401)."""
        claims = _verified(
            header, self._shared, algorithm="HS256", required=["exp", "iat", "aud", "sub"], audience=self._audience
        )
        if int(claims["exp"]) - int(claims["iat"]) > INTERNAL_LIFETIME.total_seconds():
            raise _unauthorized("The token lives too long; internal tokens live a minute.")
        return Claims(subject=claims["sub"])


def mint_internal(secrets: Sequence[SecretStr], audience: str, caller: str) -> str:
    """A token with which `caller` may use the internal routes of the service `audience` for one minute."""
    now = datetime.now(UTC)
    claims = {"sub": caller, "aud": audience, "iat": now, "exp": now + INTERNAL_LIFETIME}
    return jwt.encode(claims, shared_key(secrets[0]), algorithm="HS256")


def _verified(header: str | None, keys: Sequence[Any], *, algorithm: str, **expected: Any) -> dict[str, Any]:
    token = _token(header)
    required = expected.pop("required")
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
            raise _unauthorized("The token is not acceptable here.") from None
    raise _unauthorized("The token is not signed by a key known here.")


def _token(header: str | None) -> str:
    if not header:
        raise _unauthorized("Send the header `Authorization: Bearer <token>`.", 'Bearer realm="quicksync"')
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.isascii() or len(token) > _LONGEST:
        raise _unauthorized("The Authorization header is not `Bearer <token>`.")
    return token


def _unauthorized(detail: str, challenge: str = 'Bearer realm="quicksync", error="invalid_token"') -> Refused:
    return Refused(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _public_key(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("QS_JWT_PUBLIC_KEYS: a key is not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("QS_JWT_PUBLIC_KEYS: a key is not an Ed25519 key")  # noqa: TRY004 - a wrong setting
    return key


def shared_key(secret: SecretStr) -> bytes:
    """The HS256 key of a shared secret: always 32 bytes, and of use for nothing else."""
    return hashlib.sha256(b"quicksync internal tokens\n" + secret.get_secret_value().encode()).digest()
