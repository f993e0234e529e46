"""The meaning of Clover's answers."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clover.errors import LONGEST_MESSAGE, clover_message, decoded, refusal, retry_after
from common.clover.exchange import began_at
from common.clover.transport import Answered
from common.errors import AppError, Forbidden, NotFound, Rejected, Throttled, Unavailable, Undecodable


class Item(Answered):
    id: str
    price: float = 0


@pytest.mark.parametrize(
    ("value", "seconds"), [("21", 21), (" 0 ", 0), ("", None), ("1.5", None), ("-1", None), ("soon", None), ("²", None)]
)
def test_retry_after_is_whole_seconds(value: str, seconds: int | None) -> None:
    """Anything but a whole number of seconds counts as absent."""
    assert retry_after({"Retry-After": value}) == (None if seconds is None else timedelta(seconds=seconds))


def test_retry_after_is_absent_on_rate_limits() -> None:
    """Clover's per-second limits come without it."""
    error = refusal(429, {"X-RateLimit-tokenLimit": "16"}, b"")

    assert isinstance(error, Throttled)
    assert error.retry_after is None


@pytest.mark.parametrize("value", ["99999", "9" * 40])
def test_retry_after_is_bounded(value: str) -> None:
    """No answer makes us wait for more than a day."""
    assert (retry_after({"Retry-After": value}) or timedelta(0)) <= timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, b'{"message": "Price must not be null"}', Rejected, "Price must not be null"),
        (400, b'{"message": "item_does_not_exist", "details": "ABC"}', Rejected, "item_does_not_exist: ABC"),
        (404, b'{"message": "Not Found", "details": "Order not found"}', NotFound, "Not Found: Order not found"),
        (405, b"405 POST not allowed.", Rejected, "405 POST not allowed."),
        (401, b'{"message": "401 Unauthorized"}', Forbidden, "Clover refuses our access to orders payments: bad token"),
        (403, b'{"message": "Invalid permissions for expandable fields."}', Forbidden, "Clover refuses our access"),
        (400, b"<html>nginx</html>", Rejected, "Clover refused with status 400."),
        (422, b"[1, 2]", Rejected, "Clover refused with status 422."),
    ],
)
def test_errors_keep_clovers_message(status: int, body: bytes, kind: type[AppError], message: str) -> None:
    """Each 4xx becomes its error, with the message of the JSON envelope or the plain text."""
    error = refusal(status, {}, body, "orders/0RDER00000001/payments")

    assert type(error) is kind
    assert str(error).startswith(message)
    assert not isinstance(error, Rejected) or error.status == status


@given(st.binary(max_size=2000))
def test_any_body_can_be_an_error(body: bytes) -> None:
    """Any body is shortened to a line that can be stored."""
    line = clover_message(body)

    assert len(line) <= LONGEST_MESSAGE
    assert not {"\x00", "\n"} & set(line)
    line.encode()


def test_messages_hold_no_personal_data() -> None:
    """Apparent personal data is redacted before it is shown or stored."""
    assert "ada@example.com" not in clover_message(b'{"message": "ada@example.com is taken"}')


def test_nul_is_removed_from_texts() -> None:
    """PostgreSQL cannot store NUL; a backslash before u0000 is not a NUL."""
    assert decoded(Item, rb'{"id": "a\u0000b\\u0000"}').id == "ab\\u0000"


@pytest.mark.parametrize("body", [b'{"id": "A"}', b'{"id": "A", "price": null, "more": null}'])
def test_null_counts_as_absent(body: bytes) -> None:
    """A field without a value has its default, both when it is omitted and when it is null."""
    assert decoded(Item, body) == Item(id="A")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id": "A"', b'{"id": "\\ud800"}', b"[" * 100_000])
def test_response_that_is_not_json_is_unavailable(body: bytes) -> None:
    """A proxy's page or half a response may succeed next time."""
    with pytest.raises(Unavailable):
        decoded(Item, body)


@pytest.mark.parametrize(
    ("body", "field"), [(b'{"id": 5}', "id"), (b'{"id": "A", "price": NaN}', "price"), (b"[]", "body")]
)
def test_unexpected_response_names_its_fields_only(body: bytes, field: str) -> None:
    """The message names the field, never its value."""
    with pytest.raises(Undecodable, match=field):
        decoded(Item, body)


def test_a_read_is_as_of_the_start_of_its_call() -> None:
    """Clover may have looked at its data at once, and answered long after; the answer's date is that of its end."""
    assert began_at("Mon, 30 Nov 2026 09:00:30 GMT", 0) == 1796029230_000
    assert began_at("Mon, 30 Nov 2026 09:00:30 GMT", 12.5) == 1796029217_500


@pytest.mark.parametrize("date", ["", "now", "Mon, 31 Nov 2026 09:00:30 GMT", "1796029230", "Mon, 30 Nov 99999"])
def test_a_date_that_is_none_is_ignored(date: str) -> None:
    """Then nobody knows how far the read has seen."""
    assert began_at(date, 0) is None


@given(st.text(max_size=40))
def test_any_text_can_be_a_date(date: str) -> None:
    """A proxy may send anything; the call succeeds."""
    began_at(date, 1.0)
