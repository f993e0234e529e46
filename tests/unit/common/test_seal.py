"""A sealed secret opens with one of our keys under its own context, and otherwise says nothing."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from common.seal import NotOpened, Sealer

OLD, NEW = b"o" * 32, b"n" * 32
CONTEXT = "clover-token|MRCHNT0000001"


@given(st.binary(max_size=500), st.text(max_size=30))
def test_sealed_text_opens(plaintext: bytes, context: str) -> None:
    """Any text opens with the context it was sealed with, and differs each time it is sealed."""
    sealer = Sealer([NEW])
    sealed = sealer.seal(plaintext, context=context)

    assert sealer.open(sealed, context=context) == plaintext
    assert sealed != sealer.seal(plaintext, context=context)


def test_sealed_format_is_stable() -> None:
    """Version, key id, nonce, text and tag: every later version can read it."""
    nonce = bytes(range(12))
    text_and_tag = AESGCM(NEW).encrypt(nonce, b"token", b"quicksync|v1|" + CONTEXT.encode())
    sealed = b"\x01" + hashlib.sha256(NEW).digest()[:4] + nonce + text_and_tag

    assert Sealer([NEW]).open(sealed, context=CONTEXT) == b"token"
    assert Sealer([NEW]).seal(b"token", context=CONTEXT)[:5] == sealed[:5]


def test_keys_can_be_rotated() -> None:
    """The first key seals, every key opens, and what an older key sealed is sealed again with the first."""
    before = Sealer([OLD]).seal(b"token", context=CONTEXT)
    rotated = Sealer([NEW, OLD])
    after = rotated.seal(b"token", context=CONTEXT)

    assert rotated.open(before, context=CONTEXT) == b"token"
    assert rotated.seal_again(after, context=CONTEXT) == after
    assert Sealer([NEW]).open(rotated.seal_again(before, context=CONTEXT), context=CONTEXT) == b"token"
    assert Sealer([NEW]).open(after, context=CONTEXT) == b"token"
    with pytest.raises(NotOpened):
        Sealer([NEW]).open(before, context=CONTEXT)


def test_token_opens_for_its_merchant_only() -> None:
    """A sealed token that is copied to another merchant's row does not open there."""
    sealed = Sealer([NEW]).seal(b"token", context=CONTEXT)

    with pytest.raises(NotOpened) as raised:
        Sealer([NEW]).open(sealed, context="clover-token|MRCHNT0000002")
    assert "token" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_every_altered_byte_is_detected() -> None:
    """A changed or missing byte prevents opening."""
    sealer = Sealer([NEW])
    sealed = sealer.seal(b"token", context=CONTEXT)
    altered = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]

    for each in [*altered, *(sealed[:length] for length in range(len(sealed))), sealed + b"x"]:
        with pytest.raises(NotOpened):
            sealer.open(each, context=CONTEXT)


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b"x" * 33]])
def test_keys_of_another_size_are_refused(keys: list[bytes]) -> None:
    """There is at least one key and each has 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(keys)


def test_keys_come_from_a_setting() -> None:
    """The setting is base64; what is not is refused without being shown."""
    sealer = Sealer.of([SecretStr(base64.b64encode(NEW).decode())])

    assert Sealer([NEW]).open(sealer.seal(b"x", context="c"), context="c") == b"x"
    with pytest.raises(ValueError, match="not base64") as raised:
        Sealer.of([SecretStr("hunter2!")])
    assert "hunter2" not in str(raised.value)
