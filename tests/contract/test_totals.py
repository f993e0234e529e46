"""Totals: the product's and the sandbox's arithmetic reproduce Clover's calculator and agree with one another."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.documents import ROOT

from clover_sandbox import carts as sandbox
from orders.domain.carts import carts
from orders.domain.totals import compute

Json: TypeAlias = dict[str, Any]
Computed: TypeAlias = Callable[[Json], Json]

FILE = ROOT / "tests" / "data" / "totals.json"
CARTS: list[Json] = json.loads(FILE.read_text())["carts"]


def by_product(cart: Json) -> Json:
    [read] = carts(json.dumps([cart]).encode())
    return asdict(compute(read))


def by_sandbox(cart: Json) -> Json:
    [row] = sandbox.computed(json.dumps([cart]).encode())
    computed: Json = row["computed"]
    return computed


BOTH = pytest.mark.parametrize("computed", [by_product, by_sandbox])


@BOTH
@pytest.mark.parametrize("cart", CARTS, ids=[cart["name"] for cart in CARTS])
def test_a_cart_of_clovers_calculator(cart: Json, computed: Computed) -> None:
    """Each amount is the one that Clover's calculator printed."""
    assert computed(cart) == cart["expected"]


FLAT = {"id": "F", "rate": 0, "amount": 25}
TENTH = {"id": "A", "rate": 1_000_000}
FIFTH = {"id": "B", "rate": 2_000_000}

RULES: dict[str, tuple[Json, Json]] = {
    "rule 4: the first row's rate counts for an id": (
        {"lines": [{"price": 100, "tax_rates": [TENTH]}, {"price": 100, "tax_rates": [{**TENTH, "rate": 9_000_000}]}]},
        {"tax": 20, "total": 220},
    ),
    "rule 4: seven decimals cost a cent in a large order": (
        {"lines": [{"price": 22_863_645}], "discounts": [{"amount": -26_375}]},
        {"total": 22_837_269},
    ),
    "rule 6: a flat tax beside a rate is taken off first": (
        {"vat": True, "lines": [{"price": 135, "tax_rates": [TENTH, FLAT]}]},
        {"tax_by_rate": {"A": 10, "F": 25}, "total": 135},
    ),
    "rule 6: the factor applies to net prices": (
        {"vat": True, "lines": [{"price": 350, "tax_rates": [TENTH, FIFTH]}], "discounts": [{"percentage": 50}]},
        {"tax_by_rate": {"A": 14, "B": 27}, "subtotal": 175},
    ),
    "rule 6: a flat tax above the price leaves no net": (
        {"vat": True, "lines": [{"price": 10, "tax_rates": [TENTH, FLAT]}]},
        {"tax_by_rate": {"A": 0, "F": 25}},
    ),
    "rule 7: a refunded row gives no tax": (
        {"lines": [{"price": 100}, {"price": 50, "tax_rates": [TENTH], "refunded": True}]},
        {"tax_by_rate": {}, "total": 100, "total_before_refunds": 155},
    ),
    "rule 7: an exchanged row does not count even if refunded": (
        {"lines": [{"price": 100}, {"price": 50, "exchanged": True, "refunded": True}]},
        {"total": 100, "total_before_refunds": 100, "line_totals": [100, 0]},
    ),
    "rule 8: a sum of 0 ignores order discounts": (
        {
            "manual": True,
            "lines": [{"price": 100, "tax_rates": [TENTH]}, {"price": -100}],
            "discounts": [{"percentage": 50}],
        },
        {"subtotal": 0, "tax": 10, "total": 10},
    ),
    "rule 8: halves of negative amounts are rounded away from zero": (
        {"manual": True, "lines": [{"price": -5, "unit_qty": 500, "tax_rates": [{"id": "A", "rate": 5_000_000}]}]},
        {"line_totals": [-3], "tax": -2, "total": -5},
    ),
    "rule 9: an order fee is neither discounted nor taxed": (
        {
            "lines": [
                {"price": 1000, "tax_rates": [TENTH]},
                {"price": 200, "is_order_fee": True, "tax_rates": [TENTH], "discounts": [{"percentage": 50}]},
            ],
            "discounts": [{"percentage": 10}],
            "service_charge": {"percentage": 10},
        },
        {"subtotal": 900, "tax": 90, "service_charge": 90, "total": 1280, "line_totals": [1000, 200]},
    ),
    "rule 9: additional charges are not taxed": (
        {
            "lines": [{"price": 999, "tax_rates": [TENTH]}],
            "additional_charges": [{"amount": 34}, {"percentage_decimal": 10_000}],
        },
        {"tax": 100, "total": 999 + 100 + 34 + 10},
    ),
    "null and unknown fields": (
        {
            "vat": None,
            "lines": [{"price": None, "modifications": [None, 5], "discounts": None, "note": 1.5}, None],
            "service_charge": None,
            "tips": [None, 7],
            "color": {},
        },
        {"total": 5, "tip": 7, "total_with_tip": 12},
    ),
    "an empty cart": ({}, {"total": 0, "line_totals": [], "tax_by_rate": {}}),
}


@BOTH
@pytest.mark.parametrize(("cart", "expected"), RULES.values(), ids=RULES)
def test_a_rule_that_few_carts_show(cart: Json, expected: Json, computed: Computed) -> None:
    shown = computed({"name": "one", **cart})

    assert {key: shown[key] for key in expected} == expected


money = st.integers(-3000, 30_000) | st.sampled_from([0, 1, 5, 15, 99, 22_863_645])
reduction = st.integers(-4000, 50)
percentage = st.integers(-10, 130)
percentage_decimal = st.integers(-10_000, 1_100_000)
flag = st.none() | st.booleans()


def fields(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Draw objects in which each field is absent, null or a value."""
    return st.fixed_dictionaries({}, optional={name: st.none() | each for name, each in values.items()})


discounts = st.lists(
    fields(amount=reduction, percentage=percentage, percentage_decimal=percentage_decimal, name=st.text(max_size=3)),
    max_size=3,
)
rates = st.fixed_dictionaries(
    {"id": st.sampled_from("ABCD")},
    optional={
        "rate": st.sampled_from([None, 0, 500_000, 825_000, 887_500, 1_900_000, 2_000_000]),
        "amount": st.none() | st.integers(0, 40),
    },
)
lines = st.lists(
    fields(
        price=money,
        unit_qty=st.integers(-100, 4000),
        rows=st.integers(0, 4),
        modifications=st.lists(st.none() | st.integers(-200, 300), max_size=3),
        tax_rates=st.lists(rates, max_size=3),
        discounts=discounts,
        refunded=flag,
        exchanged=flag,
        is_order_fee=st.sampled_from([None, False, False, True]),
        note=st.text(max_size=3),
    ),
    max_size=6,
)
any_cart = fields(
    vat=flag,
    tax_removed=st.sampled_from([None, False, False, True]),
    manual=flag,
    lines=lines,
    discounts=discounts,
    service_charge=fields(percentage=st.integers(0, 30), percentage_decimal=st.integers(0, 300_000), enabled=flag),
    additional_charges=st.lists(fields(amount=st.integers(0, 500), percentage_decimal=st.integers(0, 90_000))),
    tips=st.lists(st.none() | st.integers(0, 500), max_size=2),
).map(lambda cart: {"name": "any", **cart})


@given(any_cart)
def test_product_and_sandbox_agree(cart: Json) -> None:
    """On any cart, the two implementations compute the same amounts."""
    assert by_product(cart) == by_sandbox(cart)


@BOTH
@given(cart=any_cart)
def test_only_manual_transactions_are_negative(cart: Json, computed: Computed) -> None:
    """No amount of another order is below 0, whichever discounts it has."""
    shown = computed({**cart, "manual": False})

    assert min([*shown.pop("line_totals"), *shown.pop("tax_by_rate").values(), *shown.values()]) >= 0


@BOTH
@given(cart=any_cart, data=st.data())
def test_the_order_of_lines_and_discounts_is_irrelevant(cart: Json, data: st.DataObject, computed: Computed) -> None:
    """Only the rate of an id depends on the first row, so each id has one rate here."""
    cart = {**cart, "lines": [_one_rate_an_id(line) for line in cart.get("lines") or []]}
    other = {
        **cart,
        "lines": data.draw(st.permutations(cart["lines"])),
        "discounts": data.draw(st.permutations(cart.get("discounts") or [])),
    }
    first, second = computed(cart), computed(other)

    assert Counter(first.pop("line_totals")) == Counter(second.pop("line_totals"))
    assert first == second


@BOTH
@given(cart=any_cart)
def test_contained_and_removed_tax_are_not_added(cart: Json, computed: Computed) -> None:
    """The total of a VAT merchant's order is the same with and without tax."""
    with_tax, without = computed({**cart, "vat": True}), computed({**cart, "vat": True, "tax_removed": True})

    assert with_tax["total"] == without["total"]
    assert (without["tax"], without["tax_by_rate"]) == (0, {})


@BOTH
@given(cart=any_cart)
def test_equal_rows_are_lines_of_one_row(cart: Json, computed: Computed) -> None:
    """A line of three rows equals three lines."""
    lines = [line for line in cart.get("lines") or [] for _ in range(_rows(line))]
    apart = {**cart, "lines": [{**line, "rows": 1} for line in lines]}

    assert computed(cart) == computed(apart)


def _rows(line: Json) -> int:
    rows: int | None = line.get("rows")
    return 1 if rows is None else rows


def _one_rate_an_id(line: Json) -> Json:
    values = {"A": (1_000_000, 0), "B": (887_500, 0), "C": (0, 25), "D": (0, 0)}
    found = [
        {"id": each["id"], "rate": values[each["id"]][0], "amount": values[each["id"]][1]}
        for each in line.get("tax_rates") or []
    ]
    return {**line, "tax_rates": found}
