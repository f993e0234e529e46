"""The keys and secrets of one system, made once per data directory, and the tokens its key signs."""

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
    """What the services must know or share. `webhook_secret` is what Clover sends as X-Clover-Auth, a UUID."""

    private_key: str
    public_key: str
    webhook_secret: str
    internal_secret: str
    master_key: str
    reference_key: str
    app_id: str
    app_secret: str

    def token(self, scope: str = "*", merchants: Sequence[str] = ("*",), minutes: float = 12 * 60) -> str:
        """A bearer token with these scopes (space-separated) for these merchants, good for so many minutes."""
        now = datetime.now(UTC)
        claims = {
            "sub": "quicksync-dev",
            "scope": scope,
            "merchants": list(merchants),
            "iat": now,
            "exp": now + timedelta(minutes=minutes),
        }
        return jwt.encode(claims, self.private_key, algorithm="EdDSA")


def of(data_dir: DataDir) -> Identity:
    """The identity kept in the data directory, made if there is none."""
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
    """Thirteen characters, as Clover's are."""
    return secrets.token_hex(7)[:13].upper()


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _new_private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_half(private_key: str) -> str:
    key = load_pem_private_key(private_key.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
