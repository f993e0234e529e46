"""Categories, tags and tax rates in Clover and at its till, for the tests of products with labels."""

from typing import Any

from tests.integration.catalog.conftest import Catalog, Shop

from clover_sandbox.till.labels import TIES
from common.contracts.clover import ObjectChanged

LOST = ["apply_then_drop", "fail_after", "truncate", "malformed"]
NOT_APPLIED = ["drop_before_apply", "fail_before", "throttle"]


def labels(catalog: Catalog, shop: Shop, sku: str = "SKU-p-1") -> dict[str, list[str]]:
    """Return the names of the labels that the item has in Clover."""
    merchant = catalog.clover.world.merchants[shop.id]
    [item] = [each for each in catalog.items(shop) if each.get("sku") == sku and not each.get("deleted")]
    return {
        kind: sorted(each["name"] for each in merchant.found(kind, merchant.ties[tie].lefts_of(item["id"])))
        for kind, tie in TIES.items()
    }


def names(catalog: Catalog, shop: Shop, kind: str) -> list[str]:
    """Return the names of all labels of this kind in Clover."""
    return sorted(each["name"] for each in catalog.clover.world.merchants[shop.id].objects[kind])


def create(catalog: Catalog, shop: Shop, kind: str, name: str, **fields: Any) -> str:
    """Create a label at the till; return its id."""
    return str(catalog.till(shop, "create_label", kind=kind, name=name, **fields)["id"])


async def hear_categories(catalog: Catalog, shop: Shop, category: str, action: Any) -> None:
    """Deliver Clover's webhook about this category, and do the work it causes."""
    await catalog.deliver(
        ObjectChanged(merchant_id=shop.id, kind="IC", object_id=category, action=action, sent_at=1),
    )
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    catalog.clock.advance(5)
    await catalog.run_until_idle()


async def sync_of(catalog: Catalog, shop: Shop, product_id: str = "p-1") -> tuple[str, str]:
    """Return the state of the product's sync, and the reason."""
    sync = (await catalog.product(shop, product_id))["sync"]
    return sync["state"], sync["reason"] or ""
