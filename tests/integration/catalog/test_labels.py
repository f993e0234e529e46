"""Categories, tags and tax rates of products: created, put on items, put back, and never invented."""

from typing import Any

from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_bulk import writes

from clover_sandbox.rest.inventory_kinds import CATEGORIES, ITEMS, TAGS, TAX_RATES
from clover_sandbox.rest.objects import alter, make

KINDS = {"categories": CATEGORIES, "tags": TAGS, "tax_rates": TAX_RATES}
TIES = {"categories": "category_items", "tags": "tag_items", "tax_rates": "tax_rate_items"}


def add(catalog: Catalog, shop: Shop, kind: str, name: str, **fields: Any) -> str:
    """Add a label in Clover, as a person does there."""
    return str(make(catalog.clover.world.merchants[shop.id], KINDS[kind], {"name": name, **fields})["id"])


def tie(catalog: Catalog, shop: Shop, kind: str, label: str, item: str, *, apart: bool = False) -> None:
    """Put an item into a category at the till, or take it out; likewise for the other kinds."""
    merchant = catalog.clover.world.merchants[shop.id]
    ties = merchant.ties[TIES[kind]]
    (ties.untie if apart else ties.tie)(label, item)
    alter(merchant, ITEMS, item, {})


def labels(catalog: Catalog, shop: Shop, sku: str = "SKU-p-1") -> dict[str, list[str]]:
    """Return the names of the labels that the item has in Clover."""
    merchant = catalog.clover.world.merchants[shop.id]
    [item] = [each for each in catalog.items(shop) if each["sku"] == sku and not each.get("deleted")]
    return {
        kind: sorted(each["name"] for each in merchant.found(kind, merchant.ties[TIES[kind]].lefts_of(item["id"])))
        for kind in KINDS
    }


def names(catalog: Catalog, shop: Shop, kind: str) -> list[str]:
    """Return the names of all labels of this kind in Clover."""
    return sorted(each["name"] for each in catalog.clover.world.merchants[shop.id].objects[kind])


async def test_a_product_gets_its_labels(catalog: Catalog) -> None:
    """Categories and tags that Clover lacks are created, the others are found; one call for each kind puts them on."""
    shop = await catalog.connected()
    add(catalog, shop, "categories", "Kitchen")
    add(catalog, shop, "tax_rates", "GST")
    status, shown = await catalog.put(shop, categories=["Kitchen", "Gifts"], tags=["new"], tax_rates=["GST"])
    assert (status, shown["categories"]) == (202, ["Gifts", "Kitchen"])
    assert await catalog.synced(shop)
    assert labels(catalog, shop) == {"categories": ["Gifts", "Kitchen"], "tags": ["new"], "tax_rates": ["GST"]}
    assert catalog.items(shop)[0]["defaultTaxRates"] is False
    assert sorted(writes(catalog)) == sorted(
        ["POST categories", "POST tags", "POST items", "POST category_items", "POST tag_items", "POST tax_rate_items"]
    )
    catalog.clover.journal.forget()
    await catalog.put(shop, categories=["Gifts", "Kitchen"], tags=["new"], tax_rates=["GST"])
    assert await catalog.synced(shop)
    assert writes(catalog) == []
