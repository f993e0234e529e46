"""Products: their item's fields in Clover, the fields to write, and the state of the sync."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.capabilities import capabilities
from catalog.domain.items import ItemFields
from catalog.domain.products import Held, Product, ProductRecord, Status, SyncState, item_fields, wait_for_others
from common.contracts.problems import Code

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

fields = st.builds(
    ItemFields,
    name=st.text(min_size=1, max_size=5),
    sku=st.text(min_size=1, max_size=5),
    price=st.integers(0, 10**6),
    hidden=st.booleans(),
    code=st.none() | st.text(max_size=5),
    alternate_name=st.none() | st.text(max_size=5),
    cost=st.none() | st.integers(0, 10**6),
    price_type=st.none() | st.sampled_from(["FIXED", "PER_UNIT"]),
    unit_name=st.none() | st.text(max_size=5),
    age_restricted=st.none() | st.booleans(),
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
    """An update with nothing but the changes makes Clover's item the wanted one, in all that the product states."""
    changes = wanted.changes_from(known)
    after = {**vars(known), **changes}
    assert {name: after[name] for name in wanted.stated()} == wanted.stated()
    assert all(getattr(known, name) != value for name, value in changes.items())


@given(fields, fields)
def test_a_field_that_nobody_states_is_never_written(wanted: ItemFields, known: ItemFields) -> None:
    """A field that the product does not state is neither in a create nor in a change."""
    unstated = {name for name, value in vars(wanted).items() if value is None}
    assert not unstated & (wanted.to_create().keys() | wanted.changes_from(known).keys())


def test_a_field_that_was_ours_and_is_stated_no_more_becomes_empty() -> None:
    """Clover keeps a field that an update leaves out, so it is written as empty, and only once; a cost stays."""
    stated = replace(product(barcode="4006381333931"), alternate_name="Becher", cost=5, unit_name="kg")
    record = ProductRecord(product(), NOW, "ITEM000000001", last_pushed=item_fields(stated))
    assert record.wanted.changes_from(record.last_pushed) == {
        "code": "",
        "alternate_name": "",
        "price_type": "FIXED",
        "unit_name": "",
    }
    emptied = replace(record, last_pushed=record.wanted)
    assert emptied.sync is SyncState.SYNCED
    assert not emptied.differs_from(replace(item_fields(stated), alternate_name="Napf"))


def test_a_product_with_a_unit_is_sold_by_weight() -> None:
    """Its price is that of a unit; another product leaves the kind of price alone."""
    weighed = item_fields(replace(product(), unit_name="kg"))
    assert (weighed.price_type, weighed.unit_name) == ("PER_UNIT", "kg")
    assert item_fields(product()).price_type is None


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


@given(st.lists(st.integers(-30_000, 0), min_size=1), st.integers(0, 10_000))
def test_products_of_a_batch_wait_for_others_within_bounds(changed: list[int], shift: int) -> None:
    """They wait only while others arrive, for the end of one window that is the same for all, and never for long."""
    window, now = timedelta(seconds=2), NOW + timedelta(milliseconds=shift)
    wait = wait_for_others([now + timedelta(milliseconds=each) for each in changed], now, window)
    assert (wait is not None) == (max(changed) > -2000 and min(changed) >= -16_000)
    if wait is not None:
        assert timedelta(0) < wait <= window
        assert (now + wait).timestamp() % 2 == pytest.approx(0)
    assert wait_for_others([now], now, timedelta(0)) is None


@pytest.mark.parametrize(
    ("region", "supported"), [("us", True), ("eu", False), ("la", False), ("sandbox", False), ("mars", False)]
)
def test_customer_details_are_for_us_orders_only(region: str, *, supported: bool) -> None:
    """An unknown region counts as Europe."""
    found = {each.code: each.supported for each in capabilities(region)}
    assert found["customer_details"] is supported
    assert not any(found[code] for code in ("tracking_numbers", "shipping_carrier", "fulfillment_status"))
