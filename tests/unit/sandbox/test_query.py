"""The query language of lists."""

from decimal import Decimal
from typing import Any

import pytest

from clover_sandbox.answers import Refused
from clover_sandbox.query import Condition, parse_expand, parse_filter, parse_query
from clover_sandbox.switches import Switches


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("sku=RULE-1", Condition("sku", "=", ("RULE-1",))),
        ("modifiedTime>=1770240334000", Condition("modifiedTime", ">=", ("1770240334000",))),
        ("name != 'it''s'", Condition("name", "!=", ("it''s",))),
        ("id in ('A','B')", Condition("id", "in", ("A", "B"))),
        ("id IN(A, B)", Condition("id", "in", ("A", "B"))),
        ("tags.name=a=b", Condition("tags.name", "=", ("a=b",))),
        ("note=in (a)", Condition("note", "=", ("in (a)",))),
    ],
)
def test_filters_are_parsed(text: str, condition: Condition) -> None:
    """A filter has a field, an operator and a value, with or without quotes."""
    assert parse_filter(text) == condition


@pytest.mark.parametrize("text", ["", "sku", "=x", "a~b", "id in A,B"])
def test_an_invalid_filter_is_400(text: str) -> None:
    """An unparsable filter is refused."""
    with pytest.raises(Refused, match="Invalid filter"):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("price>100", 101, True),
        ("price>100", 100, False),
        ("price<=100", 100, True),
        ("itemStock.quantity<1", Decimal("0.5"), True),
        ("hidden=true", True, True),
        ("hidden!=true", False, True),
        ("name=Soup*", "Soup of the Day", True),
        ("name=Soup", "Soup of the Day", False),
        ("price=abc", 1, False),
        ("price>NaN", 1, False),
    ],
)
def test_conditions_match_by_type(text: str, value: Any, *, holds: bool) -> None:
    """Numbers, flags and texts are compared as their type."""
    assert parse_filter(text).holds([value]) is holds


def test_an_absent_value_matches_only_not_equal() -> None:
    """Only `!=` finds a record without the field."""
    assert parse_filter("sku!=A").holds([])
    assert not any(parse_filter(f"sku{op}A").holds([]) for op in ("=", ">", "<"))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("limit", "1001"), "limit cannot be greater than 1000"),
        (("limit", "ten"), "limit must be a number"),
        (("offset", "-1"), "offset cannot be negative"),
        (("orderBy", "name SIDEWAYS"), "Invalid orderBy"),
    ],
)
def test_bad_paging_is_400_with_its_text(pair: tuple[str, str], message: str) -> None:
    """The limit's error has the recorded text, the others a text of ours."""
    with pytest.raises(Refused, match=message):
        parse_query([pair], Switches())


def test_expands_are_split_on_commas_and_dots() -> None:
    """Expands have two levels; deeper ones are ignored."""
    assert parse_expand(["lineItems.discounts,payments", "customers"], Switches()) == {
        "lineItems": {"discounts": {}},
        "payments": {},
        "customers": {},
    }


def test_a_fourth_expand_is_refused_or_ignored() -> None:
    """A switch decides between both."""
    switches = Switches()
    assert parse_expand(["a,b,c,d"], switches) == {"a": {}, "b": {}, "c": {}}

    switches.set({"too_many_expands": "refuse"})
    with pytest.raises(Refused):
        parse_expand(["a,b,c,d"], switches)
