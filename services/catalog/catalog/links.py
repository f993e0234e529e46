"""Links items to products, and publishes each change of a link in the same transaction."""

from collections.abc import Collection, Sequence

from catalog.domain.links import NewLink
from catalog.store import links
from common.catalog_client import ItemLink
from common.contracts.catalog import ProductLinked, ProductUnlinked
from common.db.unit import Unit


async def link_items(unit: Unit, merchant_id: str, new: Sequence[NewLink], apart: Collection[str] = ()) -> None:
    """Link these items to their products, and unlink the items they replace.

    Of products that a person set `apart` from their items, those items are replaced now, as if they were linked yet.
    Call it after the products' own rows were written, in the same unit.
    """
    _publish(unit, merchant_id, await links.create(unit, merchant_id, new, apart))


async def unlink_items(unit: Unit, merchant_id: str, item_ids: Sequence[str]) -> None:
    """Unlink those of these items that are linked."""
    _publish(unit, merchant_id, await links.end(unit, merchant_id, item_ids))


def _publish(unit: Unit, merchant_id: str, changed: Sequence[ItemLink]) -> None:
    unit.emit(*(_event(merchant_id, each) for each in changed))


def _event(merchant_id: str, link: ItemLink) -> ProductLinked | ProductUnlinked:
    values = link.model_dump(include={"version", "product_id", "sku", "item_id"})
    if link.linked:
        return ProductLinked(merchant_id=merchant_id, **values)
    return ProductUnlinked(merchant_id=merchant_id, **values, replaced_by=link.replaced_by)
