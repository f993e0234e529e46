"""Products: their item's fields in Clover, the fields to write, and the state of the sync."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.capabilities import capabilities
from catalog.domain.items import ItemFields
from catalog.domain.products import Held, Product, ProductRecord, Status, SyncState, item_fields
from common.contracts.problems import Code

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

fields = st.builds(
    ItemFields,
    name=st.text(min_size=1, max_size=5),
    sku=st.text(min_size=1, max_size=5),
    price=st.integers(0, 10**6),
    hidden=st.booleans(),
    code=st.text(max_size=5),
)


def product(status: Status = Status.ACTIVE, barcode: str | None = None) -> Product:
    return Product("p-1", "Mug", "MUG-1", 1250, "USD", status, barcode)


@pytest.mark.parametrize(
    ("status", "hidden"),
    [(Status.ACTIVE, False), (Status.DRAFT, True), (Status.INACTIVE, True), (Status.ARCHIVED, True)],
)
def test_only_active_products_are_visible(status: Status, *, hidden: bool) -> None:
    """Active is visible; draft, inactive and archived are hidden, as the FAQ says."""
    assert item_fields(product(status)).hidden is hidden


@given(fields, fields)
def test_changes_turn_the_known_fields_into_the_wanted_ones(wanted: ItemFields, known: ItemFields) -> None:
    """An update with nothing but the changes makes Clover's item the wanted one."""
    after = {**vars(known), **wanted.changes_from(known)}
    assert after == vars(wanted)
    assert all(vars(known)[name] != value for name, value in wanted.changes_from(known).items())


def test_a_removed_barcode_is_sent_as_empty() -> None:
    """Clover keeps a field that an update leaves out, so a removed barcode is sent as empty."""
    known = item_fields(product(barcode="4006381333931"))
    assert item_fields(product()).changes_from(known) == {"code": ""}


def test_a_create_leaves_empty_fields_out() -> None:
    """The create of a product without a barcode has no barcode field."""
    assert "code" not in item_fields(product()).to_create()


def test_sync_state() -> None:
    """A product is synced when Clover has its version, held while it waits for a person, otherwise pending."""
    record, held = ProductRecord(product(), NOW), Held(Code.PRODUCT_REJECTED, "no")
    assert record.sync is SyncState.PENDING
    assert replace(record, held=held).sync is SyncState.HELD
    pushed = replace(record, item_id="ITEM000000001", last_pushed=record.wanted)
    assert pushed.sync is SyncState.SYNCED
    assert replace(pushed, held=held).sync is SyncState.HELD
    assert replace(pushed, puts=1).sync is SyncState.PENDING


def test_an_archived_product_needs_no_item_once_it_was_deleted() -> None:
    """Any other product without an item is due."""
    record = ProductRecord(product(Status.ARCHIVED), NOW)
    assert record.is_due
    assert not replace(record, deleted_item_id="ITEM000000001").is_due
    assert replace(record, product=product(Status.INACTIVE), deleted_item_id="ITEM000000001").is_due


@pytest.mark.parametrize(
    ("region", "supported"), [("us", True), ("eu", False), ("la", False), ("sandbox", False), ("mars", False)]
)
def test_customer_details_are_for_us_orders_only(region: str, *, supported: bool) -> None:
    """An unknown region counts as Europe."""
    found = {each.code: each.supported for each in capabilities(region)}
    assert found["customer_details"] is supported
    assert not any(found[code] for code in ("tracking_numbers", "shipping_carrier", "fulfillment_status"))
