"""The plan for products: one step each, decided from the items with their SKU."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.items import Item
from catalog.domain.matching import (
    LOOK_AGAIN,
    AdoptItem,
    CreateItem,
    HoldProduct,
    LookAgain,
    Step,
    UpdateItem,
    compare,
    plan,
    skus_to_find,
)
from catalog.domain.products import Product, ProductRecord, Status

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
RECORD = ProductRecord(Product("p-1", "Mug", "MUG", 1250, "USD", Status.ACTIVE), NOW)
IN_DOUBT = replace(RECORD, creating_since=NOW - timedelta(seconds=58), creating_sku="OLD")


def item(sku: str, item_id: str = "ITEM1", code: str | None = None) -> Item:
    return Item(item_id, replace(RECORD.wanted, sku=sku, code=code))


def step(record: ProductRecord, *items: Item, owners: dict[str, str] | None = None) -> Step:
    [planned] = plan([record], items, owners or {}, NOW, SETTLE)
    return planned


def test_a_product_without_item_is_created() -> None:
    """No item has the SKU and no create is in doubt."""
    assert step(RECORD) == CreateItem(RECORD)


def test_an_item_with_the_sku_is_adopted() -> None:
    """The item is linked; its own barcode is not ours to remove."""
    assert step(RECORD, item("MUG", code="4006381333931")) == AdoptItem(RECORD, "ITEM1", RECORD.wanted, RECORD.wanted)


LINKED = replace(RECORD, item_id="ITEM1", last_pushed=RECORD.wanted, seen=RECORD.wanted)


def priced(price: int) -> Item:
    return Item("ITEM1", replace(RECORD.wanted, price=price))


def test_a_linked_item_gets_the_fields_that_differ() -> None:
    """The fields that Clover shows decide, not those that were written last."""
    assert compare(LINKED, priced(900)) == UpdateItem(LINKED, "ITEM1", priced(900).fields)
    assert compare(LINKED, priced(1250)) == UpdateItem(LINKED, "ITEM1", RECORD.wanted)


def test_a_barcode_is_removed_only_if_it_was_ours() -> None:
    """A product without a barcode leaves that of its item alone, unless QuickSync wrote one before."""
    shown = item("MUG", code="4006381333931")
    assert compare(LINKED, shown) == UpdateItem(LINKED, "ITEM1", RECORD.wanted)
    ours = replace(LINKED, last_pushed=shown.fields)
    assert compare(ours, shown) == UpdateItem(ours, "ITEM1", shown.fields)


def test_spaces_in_a_name_make_no_difference() -> None:
    """A name that Clover trims is not written again."""
    wide = replace(LINKED, product=replace(LINKED.product, name=" Blue  mug "))
    assert wide.adopt(replace(RECORD.wanted, name="Blue mug")) == wide.wanted
    assert wide.differs_from(replace(RECORD.wanted, name="Bluemug"))


def test_a_value_that_clover_does_not_keep_is_held() -> None:
    """The same fields as before the last write are not written over for ever; a new request tries again."""
    overruled = replace(LINKED, seen=priced(900).fields)
    held = compare(overruled, priced(900))
    assert isinstance(held, HoldProduct)
    assert "does not keep the price" in held.reason
    assert isinstance(compare(overruled, priced(901)), UpdateItem)
    assert isinstance(compare(replace(overruled, puts=1), priced(900)), UpdateItem)


def test_a_deleted_item_is_not_created_again_by_itself() -> None:
    """A person deleted it; only an item with its SKU, or a new request, ends the hold."""
    deleted = replace(RECORD, deleted_item_id="ITEM0")
    held = step(deleted)
    assert isinstance(held, HoldProduct)
    assert "deleted in Clover" in held.reason
    assert step(deleted, item("MUG")) == AdoptItem(deleted, "ITEM1", RECORD.wanted, RECORD.wanted)


def test_several_items_with_the_sku_are_held() -> None:
    """A person decides which one it is."""
    held = step(RECORD, item("MUG"), item("MUG", "ITEM2"))
    assert isinstance(held, HoldProduct)
    assert "2 items with the SKU MUG" in held.reason


def test_an_item_of_another_product_is_held() -> None:
    """The reason names the product that owns the item."""
    held = step(RECORD, item("MUG"), owners={"ITEM1": "p-2"})
    assert isinstance(held, HoldProduct)
    assert "belongs to the product p-2" in held.reason


@pytest.mark.parametrize(("age", "after"), [(0, LOOK_AGAIN), (58, timedelta(seconds=2))])
def test_a_create_in_doubt_is_waited_for(age: int, after: timedelta) -> None:
    """Until the create has settled, nothing is created, not even under a new SKU."""
    record = replace(IN_DOUBT, creating_since=NOW - timedelta(seconds=age))
    assert skus_to_find(record) == {"OLD", "MUG"}
    assert step(record) == LookAgain(record, after)
    assert step(record, item("MUG")) == LookAgain(record, after)


def test_an_item_created_in_doubt_is_adopted_under_its_old_sku() -> None:
    """The item carries the SKU it was created with, even if the product's changed since."""
    assert step(IN_DOUBT, item("OLD"), item("MUG", "ITEM2")) == AdoptItem(
        IN_DOUBT, "ITEM1", item("OLD").fields, item("OLD").fields
    )


def test_a_create_that_settled_without_an_item_is_repeated() -> None:
    """After the settling time the create can have no effect any more; the product's present SKU decides."""
    record = replace(IN_DOUBT, creating_since=NOW - SETTLE)
    assert step(record) == CreateItem(record)
    assert isinstance(step(record, item("MUG")), AdoptItem)


@given(st.lists(st.sampled_from(["A", "B", "C", "D"]), unique=True), st.lists(st.sampled_from(["A", "B", "C", "X"])))
def test_a_plan_for_many_is_the_plan_for_each(skus: list[str], found: list[str]) -> None:
    """A plan has one step for each product, in order, and none depends on another product."""
    records = [replace(RECORD, product=replace(RECORD.product, product_id=sku, sku=sku)) for sku in skus]
    items = [item(sku, f"ITEM{place}") for place, sku in enumerate(found)]
    assert plan(records, items, {}, NOW, SETTLE) == [step(record, *items) for record in records]
