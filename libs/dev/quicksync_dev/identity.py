"""The keys and secrets of one system, created once per data directory, and the tokens it signs."""

import base64
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from quicksync_dev.datadir import DataDir

KEY_BYTES = 32


@dataclass(frozen=True)
class Identity:
    """The keys and secrets of the services. Clover sends `webhook_secret`, a UUID, as X-Clover-Auth."""

    private_key: str
    public_key: str
    webhook_secret: str
    internal_secret: str
    master_key: str
    reference_key: str
    app_id: str
    app_secret: str

    def token(self, scope: str = "*", merchants: Sequence[str] = ("*",), minutes: float = 12 * 60) -> str:
        """Sign a bearer token with these space-separated scopes for these merchants, valid for `minutes`."""
        now = datetime.now(UTC)
        claims = {
            "sub": "quicksync-dev",
            "scope": scope,
            "merchants": list(merchants),
            "iat": now,
            "jti": secrets.token_urlsafe(12),  # a login link works once, and no two are the same
            "exp": now + timedelta(minutes=minutes),
        }
        return jwt.encode(claims, self.private_key, algorithm="EdDSA")


def of(data_dir: DataDir) -> Identity:
    """Return the identity in the data directory. Create it the first time."""
    private_key = data_dir.once("jwt_private_key.pem", _new_private_key)
    return Identity(
        private_key=private_key,
        public_key=_public_half(private_key),
        webhook_secret=data_dir.once("webhook_secret", _new_uuid),
        internal_secret=data_dir.once("internal_secret", _new_key),
        master_key=data_dir.once("master_key", _new_key),
        reference_key=data_dir.once("reference_key", _new_key),
        app_id=data_dir.once("clover_app_id", _new_app_id),
        app_secret=data_dir.once("clover_app_secret", _new_uuid),
    )


def _new_uuid() -> str:
    return str(uuid.uuid4())


def _new_app_id() -> str:
    """Return 13 characters, like Clover's ids."""
    return secrets.token_hex(7)[:13].upper()


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _new_private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_half(private_key: str) -> str:
    key = load_pem_private_key(private_key.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
