"""How a product looks in Clover, and what is sent of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.capabilities import capabilities
from catalog.domain.products import Entry, Held, ItemFields, Product, Status, Sync, item_fields
from common.contracts.problems import Code
from common.money import Money

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
    return Product("p-1", "Mug", "MUG-1", Money(amount=1250, currency="USD"), status, barcode)


@pytest.mark.parametrize(
    ("status", "hidden"),
    [(Status.ACTIVE, False), (Status.DRAFT, True), (Status.INACTIVE, True), (Status.ARCHIVED, True)],
)
def test_only_active_products_are_visible(status: Status, *, hidden: bool) -> None:
    """Active is visible; draft, inactive and archived are hidden, as the FAQ says."""
    assert item_fields(product(status)).hidden is hidden


@given(fields, fields)
def test_changes_bring_what_is_known_to_what_is_wanted(wanted: ItemFields, known: ItemFields) -> None:
    """Sending the changes and nothing else makes Clover's item the one wanted."""
    after = {**vars(known), **wanted.changes_from(known)}
    assert after == vars(wanted)
    assert all(vars(known)[name] != value for name, value in wanted.changes_from(known).items())


def test_a_barcode_taken_away_is_emptied_in_clover() -> None:
    """Leaving a field out of an update keeps it in Clover, so a barcode that is gone is sent as empty."""
    known = item_fields(product(barcode="4006381333931"))
    assert item_fields(product()).changes_from(known) == {"code": ""}


def test_a_new_item_is_sent_without_empty_fields() -> None:
    """A product without barcode is created without one."""
    assert "code" not in item_fields(product()).to_create()


def test_the_state_of_sync() -> None:
    """A product is synced when Clover has it like this, held when it waits for a person, else pending."""
    entry = Entry(product(), NOW)
    held = Held(Code.PRODUCT_REJECTED, "no")
    assert entry.sync is Sync.PENDING
    assert Entry(product(), NOW, held=held).sync is Sync.HELD
    assert Entry(product(), NOW, item_id="ITEM000000001", sent=entry.wanted, held=held).sync is Sync.SYNCED


@pytest.mark.parametrize(
    ("region", "told"), [("us", True), ("eu", False), ("la", False), ("sandbox", False), ("mars", False)]
)
def test_customer_details_are_for_us_orders_only(region: str, *, told: bool) -> None:
    """A region nobody knows counts as Europe."""
    found = {each.code: each.supported for each in capabilities(region)}
    assert found["customer_details"] is told
    assert not any(found[code] for code in ("tracking_numbers", "shipping_carrier", "fulfillment_status"))
