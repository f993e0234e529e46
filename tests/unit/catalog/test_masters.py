"""Two sides that edit the same product end equal, and no edit of the master is lost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.domain.choices import Master
from catalog.domain.items import ItemFields
from catalog.domain.masters import agreed_at_link, as_stated, edited, is_accounted, merge, restated
from catalog.domain.products import Product, ProductRecord, Status, item_fields

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MUG = Product("p-1", "Mug", "MUG-1", 1250, "USD", Status.ACTIVE, "4006381333931", cost=480)
OTHER_SKU = "TAKEN"
OWNERS = {OTHER_SKU: "p-2"}

masters = st.sampled_from(Master)
fields = st.sampled_from(["name", "price", "code", "hidden"])


def in_clover(product: Product) -> ItemFields:
    """Return the fields that the item of this product has once they agree; Clover states all of them."""
    ours = item_fields(product)
    defaults: dict[str, Any] = {"code": "", "alternate_name": "", "unit_name": "", "price_type": "FIXED"}
    stated = {name: value for name, value in vars(ours).items() if value is not None}
    return replace(ItemFields("", "", 0, hidden=False), **defaults | {"age_restricted": False} | stated)


def agreed(product: Product = MUG) -> ProductRecord:
    return ProductRecord(product, NOW, "ITEM000000001", last_pushed=item_fields(product))


@dataclass
class Shop:
    """A product and its item, written and read as the service does, with the edits that were reported."""

    master: Master
    record: ProductRecord = field(default_factory=agreed)
    item: ItemFields = field(default_factory=lambda: in_clover(MUG))
    mirror: ItemFields = field(default_factory=lambda: in_clover(MUG))
    given: Product = MUG
    reported: list[tuple[str, Any]] = field(default_factory=list)
    values: int = 0

    def value(self, name: str, now: Any) -> Any:
        """Return another value than any before, so that each edit is known by its value; a switch has but two."""
        self.values += 1
        made = {"price": 2000 + self.values, "hidden": not now}
        return made.get(name, f"{name} {self.values}")

    def put(self, name: str) -> None:
        """A caller edits a field, and sends all others as before."""
        column = {"code": "barcode", "hidden": "status"}.get(name, name)
        value = self.value(name, self.given.status is not Status.ACTIVE)
        if name == "hidden":
            value = Status.DRAFT if value else Status.ACTIVE
        self.given = replace(self.given, **{column: value})
        record = self.record if self.master is Master.CLOVER else None
        product, superseded = restated(self.given, record)
        self.record = replace(self.record, product=product, superseded=superseded)

    def till(self, name: str) -> None:
        """A person edits a field at the till."""
        self.item = replace(self.item, **{name: self.value(name, getattr(self.item, name))})

    def read(self) -> None:
        """Take note of the item as it is now."""
        self.mirror = self.item
        if merged := merge(self.record, self.mirror, self.master, OWNERS):
            self.record = merged.record
            self.reported += [(each.field, each.after) for each in (*merged.taken, *merged.reverted)]

    def push(self, *, is_applied: bool = True, is_answered: bool = True) -> None:
        """Write what differs from the mirror; a lost answer leaves open whether it was applied."""
        changes: Mapping[str, Any] = self.record.wanted.changes_from(self.record.adopt(self.mirror))
        self.record = replace(self.record, unanswered=tuple(self.record.writing(changes)))
        if is_applied:
            self.item = replace(self.item, **changes)
        if is_applied and is_answered:
            pushed = replace(self.record.last_pushed or self.record.wanted, **changes)
            self.record = replace(self.record, last_pushed=pushed, unanswered=())
            self.read()

    def settle(self) -> None:
        """Read and write until nothing changes, as a sweep does."""
        for _ in range(4):
            self.read()
            self.push()


moves = st.lists(
    st.one_of(
        st.tuples(st.just("put"), fields),
        st.tuples(st.just("till"), fields),
        st.tuples(st.sampled_from(["read", "push", "lost", "failed"])),
    ),
    max_size=12,
)


def play(shop: Shop, history: list[tuple[str, ...]]) -> None:
    for move, *name in history:
        match move:
            case "put":
                shop.put(name[0])
            case "till":
                shop.till(name[0])
            case "read":
                shop.read()
            case "push":
                shop.push()
            case "lost":
                shop.push(is_answered=False)
            case "failed":
                shop.push(is_applied=False)


@given(masters, moves)
def test_both_sides_end_equal(master: Master, history: list[tuple[str, ...]]) -> None:
    """In any order of edits, reads, writes and lost answers; what neither side owns stays as it is in Clover."""
    shop = Shop(master)
    shop.item = replace(shop.item, alternate_name="Becher")
    play(shop, history)
    shop.settle()
    assert not shop.record.wanted.changes_from(shop.record.adopt(shop.item))
    assert is_accounted(shop.record, shop.item)
    assert edited(shop.record, shop.item) == {}
    assert shop.item.alternate_name == "Becher"


def seen_edits(history: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the history with a read after each edit at the till, so that none is edited over unseen."""
    return [each for move in history for each in ((move, ("read",)) if move[0] == "till" else (move,))]


LOST: list[tuple[str, ...]] = [("put", "price"), ("lost",), ("put", "price"), ("read",)]


@example(Master.CLOVER, LOST)
@example(Master.QUICKSYNC, LOST)
@given(masters, moves)
def test_each_edit_at_the_till_is_reported_exactly_once(master: Master, history: list[tuple[str, ...]]) -> None:
    """And nothing else is: no write of ours, with or without an answer."""
    history = [each for each in seen_edits(history) if each[1:] != ("hidden",)]
    shop = Shop(master)
    made: list[Any] = []
    for move in history:
        before = shop.item
        play(shop, [move])
        if move[0] == "till":
            made.append(next(value for name, value in vars(shop.item).items() if value != getattr(before, name)))
    shop.settle()
    assert [value for _, value in shop.reported] == made


@given(moves)
def test_no_edit_of_clover_is_lost_where_it_is_the_master(history: list[tuple[str, ...]]) -> None:
    """The last edit of a field at the till stays, unless a caller stated another value after it was noted.

    A switch that is put back at the till after a write without an answer looks as if the write had not arrived.
    """
    shop = Shop(Master.CLOVER)
    last: dict[str, Any] = {}
    for move in seen_edits(history):
        if move == ("till", "hidden") and shop.record.unanswered:
            continue
        play(shop, [move])
        if move[0] == "till":
            last[move[1]] = getattr(shop.item, move[1])
        if move[0] == "put":
            last.pop(move[1], None)
    shop.settle()
    assert {name: getattr(shop.item, name) for name in last} == last


@given(moves)
def test_no_edit_of_quicksync_is_lost_where_it_is_the_master(history: list[tuple[str, ...]]) -> None:
    """The item ends as the caller stated it."""
    shop = Shop(Master.QUICKSYNC)
    play(shop, history)
    shop.settle()
    assert shop.record.product == shop.given
    assert not item_fields(shop.given).changes_from(shop.record.adopt(shop.item))


@given(moves)
def test_repeating_what_was_stated_changes_nothing(history: list[tuple[str, ...]]) -> None:
    """A caller that sends the same product every night never undoes what Clover, the master, changed."""
    shop = Shop(Master.CLOVER)
    play(shop, history)
    shop.settle()
    product, superseded = restated(shop.given, shop.record)
    assert (product, superseded) == (shop.record.product, shop.record.superseded)
    assert as_stated(shop.record.product, shop.record) == shop.given


@pytest.mark.parametrize("sku", [OTHER_SKU, "", " A", "x" * 101, "."])
def test_a_sku_that_no_product_can_have_waits_for_a_person(sku: str) -> None:
    """It is neither taken over nor put back; once QuickSync changes the SKU as well, its own is written."""
    record, item = agreed(), replace(in_clover(MUG), sku=sku)
    assert merge(record, item, Master.CLOVER, OWNERS) is None
    changed = replace(record, product=replace(MUG, sku="NEW"))
    merged = merge(changed, item, Master.CLOVER, OWNERS)
    assert merged is not None
    assert (merged.record.product.sku, [each.field for each in merged.reverted]) == ("NEW", ["sku"])
    assert merged.record.wanted.changes_from(merged.record.last_pushed) == {"sku": "NEW"}


@pytest.mark.parametrize(
    ("price_type", "unit", "expected"),
    [("PER_UNIT", "lb", "lb"), ("FIXED", "", ""), ("VARIABLE", "", None), ("PER_UNIT", "", None)],
)
def test_a_unit_is_taken_over_as_far_as_products_have_it(price_type: str, unit: str, expected: str | None) -> None:
    """A kind of price that no product has is left to Clover."""
    product = replace(MUG, unit_name="kg")
    item = replace(in_clover(product), price_type=price_type, unit_name=unit)
    merged = merge(agreed(product), item, Master.CLOVER, {})
    assert merged is not None
    assert merged.record.product.unit_name == expected
    assert not merged.record.wanted.changes_from(merged.record.adopt(item))


@pytest.mark.parametrize("master", Master)
def test_a_link_takes_over_what_the_item_states(master: Master) -> None:
    """With Clover as the master, apart from texts that are empty and what we created ourselves."""
    record = ProductRecord(MUG, NOW, unanswered=({"price": 900},))
    item = replace(in_clover(MUG), name="Old mug", price=900, code="", cost=None)
    known = agreed_at_link(record, item, master)
    merged = merge(replace(record, item_id="ITEM000000001", last_pushed=known), item, master, {})
    if master is Master.QUICKSYNC:
        assert (known, merged) == (record.adopt(item), None)
        return
    assert merged is not None
    assert [(each.field, each.after) for each in merged.taken] == [("name", "Old mug")]
    assert asdict(merged.record.product) == asdict(replace(MUG, name="Old mug"))
