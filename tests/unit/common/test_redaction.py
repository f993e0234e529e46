"""Redaction removes secrets and personal data in any wrapping, and keeps the rest of an event."""

import json
import time
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from common.redaction import LONGEST, scrub, text

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzY29wZSI6IioifQ.c2lnbmF0dXJl_-x"
CLOVER_TOKEN = "b0a1c2d3-1234-4abc-8def-0123456789ab"
OUR_ID = "0190d5a0-1234-7abc-8def-0123456789ab"


@pytest.mark.parametrize(
    "name",
    [
        "authorization", "Authorization", "X-Clover-Auth", "access_token", "refreshToken", "client_secret", "password",
        "Cookie", "api_key", "QS_MASTER_KEYS", "account_email", "phoneNumber", "address1", "code", "customer", "note",
    ],
)  # fmt: skip
def test_value_of_a_secret_field_is_redacted(name: str) -> None:
    """A value of any type under such a name is redacted, at any depth."""
    for value in ("canary", 12345, ["canary"], {"a": "canary"}, b"canary"):
        assert scrub({"outer": [{name: value}]}) == {"outer": [{name: "[redacted]"}]}


@pytest.mark.parametrize(
    "line",
    [
        f"got {JWT} back",
        "Authorization: Bearer canary-1",
        "{'X-Clover-Auth': 'canary 1', 'Host': 'x'}",
        "((b'X-Clover-Auth', b'canary-1'), (b'Host', b'x'))",
        '{"access_token": "canary-1"}',
        "refresh_token=canary-1&x=1",
        "https://x/oauth?code=canary-1&merchant=M",
        "postgresql://orders:canary-1@db:5432/x",
        "amqp://guest:can@ary-1@host/",
        "redis://:canary-1@host",
        "Settings(api_token='canary-1', port=1)",
        'could not send to "canary-1@example.co.uk" now',
        f"token is {CLOVER_TOKEN}",
        f"GET /v3/merchants?x={CLOVER_TOKEN.upper()}",
        "duplicate key\nDETAIL:  Key (name)=(canary-1) already exists.",
        "phone: canary-1",
    ],
)
def test_text_with_the_shape_of_a_secret_is_redacted(line: str) -> None:
    """Secrets and addresses inside a text are redacted."""
    shown = text(line)

    assert "[redacted]" in shown
    for secret in ("canary", "ary-1", JWT[-10:], CLOVER_TOKEN, CLOVER_TOKEN.upper()):
        assert secret not in shown


@pytest.mark.parametrize(
    "line",
    [
        f"event {OUR_ID} consumed",
        "orders.order_synced.v1",
        "merchant MRCHNT0000001 has 3 orders waiting since 2026-01-01T00:00:00Z",
        "connect call failed ('127.0.0.1', 5432)",
        "amqp://127.0.0.1:5672/ is not reachable",
        "GET /v1/merchants/{merchant_id}/orders 200",
    ],
)
def test_harmless_text_is_kept(line: str) -> None:
    """Our own ids, event names and host names stay readable."""
    assert text(line) == line


class Kind(StrEnum):
    MISSING = "order_type_missing"


def test_members_of_closed_sets_are_kept() -> None:
    """A code from an enum is no secret, a truth neither."""
    assert scrub({"code": Kind.MISSING, "token_sealed": True}) == {"code": "order_type_missing", "token_sealed": True}


class Customer(BaseModel):
    age: int


def test_validation_error_loses_its_value() -> None:
    """The text of a validation error keeps the field and loses the value."""
    with pytest.raises(ValidationError) as raised:
        Customer.model_validate({"age": "canary, the first"})

    assert "canary" not in text(str(raised.value))
    assert "age" in text(str(raised.value))


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.binary(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(values)
def test_anything_can_be_written(value: object) -> None:
    """Any logged value becomes plain JSON in ASCII: half surrogates, bytes, NaN and all."""
    assert json.dumps(scrub(value), allow_nan=False).isascii()


def test_depth_ends() -> None:
    """A value that contains itself is cut off."""
    loop: list[object] = []
    loop.append(loop)

    assert "…" in json.dumps(scrub(loop), ensure_ascii=False)


@pytest.mark.parametrize(
    "part", ["a", "_", "eyJ-", "token", "@", "a@", "x://", "input_value=", "bearer ", "a.", "'", "token='"]
)
def test_hostile_texts_cost_no_more_than_their_length(part: str) -> None:
    """No text makes the patterns run away, and what is kept of a long one is bounded."""
    hostile = part * (25_000 // len(part))
    began = time.process_time()

    assert len(text(hostile)) <= LONGEST + 3
    assert time.process_time() - began < 2  # a pattern that runs away takes at least three times as long
