"""The rules of orders that need no Clover and no database."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.clover_order import CloverOrder, CloverRow, Payment
from orders.domain.order import Order
from orders.domain.plan import differences
from orders.domain.privacy import as_stored, impersonal, is_choice, keepable
from orders.domain.progress import Progress
from orders.domain.row_ids import row_ids
from orders.domain.setup import Setup, look_again_after
from orders.domain.source import Customer, Line, Source, clipped, differing

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LINES = (Line("MUG", "Mug", 2, 1250), Line("POSTER", "Poster", 1, 999))
SOURCE = Source("shopify", "mugs.example", "#1001", "USD", 3499, None, NOW, lines=LINES)
ORDER = Order("MRCHNT0000001", "o-1", "REFERENCE001", SOURCE, None, None, Progress())
OURS = Payment("REFERENCE001", 3499, "SUCCESS")
WHOLE = CloverOrder(tuple(CloverRow(each) for each in row_ids(ORDER)), 3499, (OURS,), "PAID", "locked")

names = st.text(st.characters(categories=["L"]), min_size=2, max_size=12)


@given(names, names, st.text(max_size=20), st.sampled_from(["eu", "la", "", "US", "sandbox", "xx"]))
def test_outside_the_us_nothing_of_the_customer_is_left(first: str, last: str, around: str, region: str) -> None:
    """Only the region `us` keeps a customer; elsewhere the name is in no text either."""
    text = f"{around} {first} {last} {first.upper()}"
    order = replace(SOURCE, number=text, lines=(Line(text, text, 1, 1),), customer=Customer(first, last))
    kept = keepable(region, order, [])
    assert kept.customer is None
    for said in (kept.number, kept.lines[0].sku, kept.lines[0].name):
        for name in (first, last):
            assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("#1001", "#1001"),
        ("Order 1001 for Ada", "1001"),
        ("ORD-7/2026", "ORD-7/2026"),
        ("Ada", "***"),
        ("№ ١٢", "***"),
    ],
)
def test_outside_the_us_only_codes_are_left_of_a_number(number: str, kept: str) -> None:
    """It becomes the title in Clover, where every word must be known to name nobody."""
    assert keepable("eu", replace(SOURCE, number=number), []).number == kept
    assert keepable("us", replace(SOURCE, number=number), []).number == number


def test_in_the_us_all_is_kept() -> None:
    """An American order is kept as it came."""
    order = replace(SOURCE, customer=Customer("Ada", "Byron", "ada@example.com"))
    assert keepable("us", order, []) == order


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Mug for a.b+c@mail.example.com", "Mug for ***"),
        ("call +49 30 123-4567 please", "call *** please"),
        ("EAN 4006381333931, 30 x 40 cm", "EAN 4006381333931, 30 x 40 cm"),
        ("T-shirt, size XL, 2-pack", "T-shirt, size XL, 2-pack"),
    ],
)
def test_addresses_and_numbers_are_taken_out_of_texts(text: str, kept: str) -> None:
    """E-mail addresses and telephone numbers are removed; sizes and barcodes stay."""
    assert impersonal(text, None) == kept


@pytest.mark.parametrize("phone", ["+49 30 5550123", "0049305550123", "030/5550123", "(030) 555-0123"])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ring 030/5550123!", "Ring ***!"),
        ("call 0049 30 555 01-23 please", "call *** please"),
        ("+49 (0)30 / 555.0123, 2nd floor", "***, 2nd floor"),
        ("5550123", "***"),
        ("For Bo Green-Li, BO_GREEN", "For *** ***, ***_***"),
        ("EAN 4006381333931, 30 x 40 cm, Greenery", "EAN 4006381333931, 30 x 40 cm, Greenery"),
    ],
)
def test_the_customers_own_number_and_names_go_however_they_are_written(phone: str, text: str, kept: str) -> None:
    """A number is recognised by its last digits in any spelling, a name only as a whole word."""
    assert impersonal(text, Customer("Bo", "Green-Li", None, phone)) == kept


def test_a_linked_sku_stays_though_it_sounds_like_a_name() -> None:
    """It is the merchant's own word; one that is not linked may be the customer's."""
    order = replace(SOURCE, lines=(Line("TEE-GREEN", "Tee", 1, 3499),), customer=Customer("Ada", "Green"))
    assert [keepable("eu", order, linked).lines[0].sku for linked in (["TEE-GREEN"], [])] == ["TEE-GREEN", "TEE-***"]


def test_differing_names_the_fields() -> None:
    """Fields of the body are named; the sequence of lines and their division make no difference."""
    other = replace(SOURCE, number="#2", total=1, placed_at=NOW + timedelta(seconds=1))
    assert differing(SOURCE, other) == ["number", "placed_at", "total"]
    assert differing(SOURCE, SOURCE) == []
    mugs, pin = Line("MUG", "Mug", 2, 1250), Line("PIN", "Pin", 1, 999)
    parted = replace(mugs, quantity=1)
    for lines in ((pin, mugs), (parted, pin, parted)):
        assert differing(replace(SOURCE, lines=(mugs, pin)), replace(SOURCE, lines=lines)) == []
    assert differing(replace(SOURCE, lines=(mugs, pin)), replace(SOURCE, lines=(mugs,))) == ["lines"]


@pytest.mark.parametrize(
    ("stored", "text", "kept"),
    [
        ("For *** ***", "For *** Green", "For *** ***"),
        ("*** and ***!", "Ada and Bo!", "*** and ***!"),
        ("For ***", "To Ada", "To Ada"),
        ("Mug", "Cup", "Cup"),
        ("ab***ba", "aba", "aba"),
    ],
)
def test_details_removed_before_stay_removed(stored: str, text: str, kept: str) -> None:
    """A corrected order keeps the stored text where only removed details differ."""
    known = replace(SOURCE, number=stored, lines=(Line("MUG", stored, 1, 3499),))
    order = as_stored(known, replace(SOURCE, number=text, lines=(Line("MUG", text, 2, 5),)))
    assert (order.number, order.lines) == (kept, (Line("MUG", kept, 2, 5),))


def test_a_line_that_stands_there_stays_itself() -> None:
    """A line of which a detail was removed does not stand for another one that is stored as it is."""
    lines = (Line("MUG", "Mug for ***", 1, 5), Line("MUG", "Mug for Bob", 1, 5))
    order = replace(SOURCE, lines=(Line("MUG", "Mug for Bob", 1, 5), Line("MUG", "Mug for Ada", 1, 5)))
    assert as_stored(replace(SOURCE, lines=lines), order).lines == lines[::-1]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(WHOLE, total=3500), "the total is $34.99 and Clover shows $35.00"),
        (replace(WHOLE, total=None), "the total is $34.99 and Clover shows none"),
        (replace(WHOLE, rows=(*WHOLE.rows, CloverRow())), "it has 3 units and Clover shows 4"),
        (replace(WHOLE, payments=(OURS, OURS)), "$34.99 were paid and Clover shows $69.98"),
        (replace(WHOLE, payments=(replace(OURS, result="FAIL"),)), "$34.99 were paid and Clover shows $0.00"),
        (replace(WHOLE, payment_state="PARTIALLY_PAID"), "Clover shows it as PARTIALLY_PAID instead of PAID"),
    ],
)
def test_every_difference_shows_both_numbers(seen: CloverOrder, said: str) -> None:
    """A difference between source and Clover is reported, never absorbed."""
    assert differences(ORDER, seen) == [said]
    assert differences(ORDER, WHOLE) == differences(ORDER, replace(WHOLE, payment_state=None)) == []


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_setup_is_looked_for_ever_more_rarely(one: int, other: int) -> None:
    """Between ten seconds and ten minutes, never sooner for being missing longer."""
    sooner, later = sorted([one, other])
    first, second = (look_again_after(timedelta(seconds=each)) for each in (sooner, later))
    assert timedelta(seconds=10) <= first <= second <= timedelta(minutes=10)


def test_missing_since_is_when_it_was_first_missed() -> None:
    """Further looks do not move it; finding all of it ends it."""
    missing = Setup().found(None, "T", NOW).found(None, "T", NOW + timedelta(seconds=50))
    assert missing.missing_since == NOW
    assert missing.found("O", "T", NOW + timedelta(seconds=60)).missing_since is None


@pytest.mark.parametrize(
    ("phone", "fit"),
    [
        ("+1 212 555 0100", "+1 212 555 0100"),
        ("030/123456", "030 123456"),
        ("+49 (0) 30 / 555 01 23 ext. 45", "+490305550123" + "45"),
        ("none", None),
        (None, None),
    ],
)
def test_a_phone_number_is_sent_as_clover_takes_it(phone: str | None, fit: str | None) -> None:
    """Other separators become spaces, too long a spelling its digits, and what has no digits nothing."""
    found = Customer("Ada", "", None, phone).for_clover()
    assert found == Customer("Ada", "", None, fit)


@given(*[st.text(max_size=255)] * 4)
def test_a_customer_for_clover_fits(first: str, last: str, email: str, phone: str) -> None:
    """No field is too long for Clover or has a line break, and without any field there is no customer."""
    fit = Customer(first, last, email, phone).for_clover()
    if fit is not None:
        for field, longest in ((fit.first_name, 64), (fit.last_name, 64), (fit.email, 127), (fit.phone, 21)):
            assert field is None or (len(field) <= longest and "".join(field.splitlines()) == field)
        assert any((fit.first_name, fit.last_name, fit.email, fit.phone))


@given(st.text(max_size=200))
def test_clipped_text_fits_clover(text: str) -> None:
    """A cut text has at most the given number of UTF-16 units, and no half character."""
    short = clipped(text, 127)
    assert len(short.encode("utf-16-le")) <= 254
    assert text.startswith(short)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Size", "7 ½"),
        ("Farbe", "Petrol"),
        ("", "Extra Käse"),
        ("Öl", "Natives Olivenöl extra"),
        ("Screen", '27"'),
        ("Texture", "Smooth"),
        ("Frame for the picture", "Oak"),
        ("Line", "Classic"),
        ("Käse", "ohne"),
        ("Phone", "Fairphone 5"),
    ],
)
def test_a_choice_of_the_store(name: str, value: str) -> None:
    """Sizes, colours and toppings are kept everywhere."""
    assert is_choice(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Engraving", "Elisabeth"),
        ("Gravur", "E. & K."),
        ("Gift message", "With love"),
        ("Personalization", "Ida"),
        ("To", "Ida"),
        ("Stickerei", "Ida"),
        ("Embroidered", "Ida"),
        ("Aufdruck vorne", "Ida Muster"),
        ("Zeile 2", "Ida"),
        ("Broderie", "Ida"),
        ("Rótulo", "Ida"),
        ("Borduring", "Ida"),
        ("Empfänger", "Ida Muster"),
        ("Phone number", "0171 5550123"),
        ("Photo", "https://files.example/ida-muster"),
        ("Name on the cake", "Ida"),
        ("", "Happy birthday, Ida!"),
        ("Extra", "For grandma Elisabeth from all of us"),
        ("Extra", "Ida\nPaul"),
    ],
)
def test_a_text_of_the_customer(name: str, value: str) -> None:
    """A text may name anybody, so it is known by what is asked for, or by its form."""
    assert not is_choice(name, value)
