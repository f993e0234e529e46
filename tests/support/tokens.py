"""Signs bearer tokens as the launcher does, with a key made for the test run."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Issuer:
    """One Ed25519 key: `public_pem` for QS_JWT_PUBLIC_KEYS, `token` for the tokens it signs."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_pem = public.decode()

    def token(self, scope: str = "*", merchants: Sequence[str] = ("*",), **other: Any) -> str:
        """Return a token good for an hour unless `exp` says otherwise; a claim given as None is left out."""
        exp, jti = datetime.now(UTC) + timedelta(hours=1), secrets.token_hex(8)
        claims = {"scope": scope, "merchants": list(merchants), "exp": exp, "jti": jti} | other
        return self.signed({name: value for name, value in claims.items() if value is not None})

    def signed(self, claims: dict[str, Any]) -> str:
        """Return these claims exactly, right or wrong."""
        return jwt.encode(claims, self._key, algorithm="EdDSA")

    def headers(self, scope: str = "*", merchants: Sequence[str] = ("*",), **other: Any) -> dict[str, str]:
        """Return the same as the header of a request."""
        return {"Authorization": f"Bearer {self.token(scope, merchants, **other)}"}
