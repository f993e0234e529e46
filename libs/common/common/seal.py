"""Seals secrets at rest with AES-256-GCM, each bound to its context."""

import binascii
import hashlib
import os
from base64 import b64decode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from common.errors import Permanent

VERSION = b"\x01"
KEY_BYTES = 32
_KEY_ID = slice(1, 5)
_NONCE = slice(5, 17)
_SEALED = slice(17, None)
_SHORTEST = 17 + 16


class NotOpened(Permanent):
    """The sealed text does not open: it was altered, has another context, or its key is missing."""


class Sealer:
    """Seals with the first key and opens with any, so that keys can be rotated.

    Sealed bytes are: format version (1) | key id (4, the first of the key's SHA-256) | nonce (12) | text and tag (16).
    Nonces are random; one key is safe for about 2^32 texts, and each merchant needs a few.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"sealing needs at least one key, each of {KEY_BYTES} bytes")
        self._first = _key_id(keys[0])
        self._keys = {_key_id(key): AESGCM(key) for key in keys}

    @classmethod
    def of(cls, master_keys: Sequence[SecretStr]) -> "Sealer":
        """Read the keys from a setting of base64 texts. Raise ValueError without quoting them."""
        try:
            return cls([b64decode(key.get_secret_value(), validate=True) for key in master_keys])
        except binascii.Error:
            raise ValueError("a master key is not base64") from None

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Seal the text so that it opens only with this context, such as `clover-token|<merchant>`."""
        nonce = os.urandom(12)
        sealed = self._keys[self._first].encrypt(nonce, plaintext, _bound(context))
        return VERSION + self._first + nonce + sealed

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Open bytes that were sealed with this context. Raise NotOpened, which reveals nothing of the content."""
        key = self._keys.get(sealed[_KEY_ID])
        if len(sealed) < _SHORTEST or sealed[:1] != VERSION or key is None:
            raise NotOpened
        try:
            return key.decrypt(sealed[_NONCE], sealed[_SEALED], _bound(context))
        except InvalidTag:
            raise NotOpened from None

    @property
    def first_key(self) -> bytes:
        """The id of the first key, as it stands in the bytes that it has sealed."""
        return self._first

    @property
    def other_keys(self) -> list[bytes]:
        """The ids of the keys that only open."""
        return [key for key in self._keys if key != self._first]

    def seal_again(self, sealed: bytes, *, context: str) -> bytes:
        """Return the same text sealed with the first key, unchanged if it is. Raise NotOpened."""
        if sealed[_KEY_ID] == self._first:
            return sealed
        return self.seal(self.open(sealed, context=context), context=context)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:4]


def _bound(context: str) -> bytes:
    return f"quicksync|v1|{context}".encode()
