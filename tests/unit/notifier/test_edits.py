"""Edits made in Clover, as the feed shows them."""

from typing import Any

from common import messages
from common.contracts.catalog import EditReverted, FieldEdit, ItemCreated, ItemDeleted, ProductChanged
from notifier.domain.activity import FEW, describe, entries

OF_A_PRODUCT: dict[str, Any] = {
    "merchant_id": "MRCHNT0000001",
    "product_id": "mug",
    "item_id": "ITEM000000001",
    "sku": "MUG-1",
    "name": "Mug",
    "currency": "USD",
}
PRICE = FieldEdit(field="price", before=1250, after=999)


def message(event: Any, others: int = 0) -> str:
    return describe(event, messages.for_locale(), others).message


def test_an_edit_names_each_field_with_its_values() -> None:
    """Amounts as money, the status as its visibility, an emptied field as nothing, an unknown one by its name."""
    edits = (
        PRICE,
        FieldEdit(field="status", before="active", after="inactive"),
        FieldEdit(field="barcode", before="4006381333931", after=""),
        FieldEdit(field="age_restricted", before=False, after=True),
        FieldEdit(field="variant", before=("Size: M",), after=("Size: L",)),
        FieldEdit(field="variant.name", before="Tee", after="Shirt"),
        FieldEdit(field="tags_of_tomorrow", before=(), after=("a", "b")),
    )
    assert message(EditReverted(**OF_A_PRODUCT, changes=edits)) == (
        "Mug (MUG-1) was edited in Clover: the price from $12.50 to $9.99; the visibility from visible to hidden; the "
        "barcode from “4006381333931” to nothing; the age restriction from no to yes; the options from Size: M to "
        "Size: L; the name of the group from “Tee” to “Shirt”; tags_of_tomorrow "
        "from nothing to a, b. QuickSync puts its own values back."
    )


def test_an_edit_of_both_sides_names_both_values() -> None:
    """The value that lost stands in the activity."""
    conflict = PRICE.model_copy(update={"is_conflict": True})
    changed = ProductChanged(**OF_A_PRODUCT, changes=(conflict,), cause="edited_in_clover")
    assert message(changed) == (
        "Mug (MUG-1) was edited in Clover: the price to $9.99, while it was changed in QuickSync to $12.50. "
        "QuickSync has the new values too."
    )


def test_items_are_named_as_far_as_they_have_names() -> None:
    """An item without a SKU has its name, and one without either its id. The product of a deleted item waits."""
    item: dict[str, Any] = {"merchant_id": "MRCHNT0000001", "item_id": "ITEM000000001", "name": "Cup", "sku": ""}
    created = ItemCreated(**item, barcode="", price=100, cost=None, status="active")
    assert message(created) == "Cup was added in Clover. QuickSync has no product like it."
    assert message(ItemDeleted(**item | {"name": ""}, product_id=None)) == "Item ITEM000000001 was deleted in Clover."
    assert "Its product waits" in message(ItemDeleted(**item, product_id="cup"))


def test_many_edits_are_one_entry() -> None:
    """A few are shown each by itself; of more, the last one with the number of the others."""
    edits = [EditReverted(**OF_A_PRODUCT | {"sku": f"S-{number}"}, changes=(PRICE,)) for number in range(FEW + 1)]
    created = ItemDeleted(merchant_id="MRCHNT0000001", item_id="ITEM000000001", name="", sku="A", product_id=None)
    assert entries(edits[:FEW]) == [(each, 0) for each in edits[:FEW]]
    assert entries([*edits, created]) == [(edits[-1], FEW), (created, 0)]
    assert message(edits[-1], FEW).endswith(f"The same happened to {FEW} more items.")
