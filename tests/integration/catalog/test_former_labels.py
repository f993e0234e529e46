"""Items get back the labels that they had before QuickSync wrote to them."""

from tests.integration.catalog.changes import change_id, send, undo
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.labels import create, labels, sync_of
from tests.integration.catalog.test_batches import row


def add_labelled_item(catalog: Catalog, shop: Shop, sku: str) -> str:
    """Add an item with a category and the default tax rates, as if it existed before QuickSync; return its id."""
    item = catalog.add_item(shop, sku=sku)
    create(catalog, shop, "categories", "Old")
    create(catalog, shop, "tax_rates", "GST")
    catalog.till(shop, "label_item", kind="categories", label="Old", item=item)
    return item


async def test_an_unlinked_item_gets_its_labels_back(catalog: Catalog) -> None:
    """It had a category and the default tax rates before it was linked by mistake."""
    shop = await catalog.connected()
    add_labelled_item(catalog, shop, "SKU-p-1")
    await catalog.put(shop, categories=["Cups"], tax_rates=["GST"])
    assert await catalog.synced(shop)
    assert labels(catalog, shop) == {"categories": ["Cups"], "tags": [], "tax_rates": ["GST"]}
    status, _ = await catalog.call("DELETE", f"/v1/merchants/{shop.id}/links/p-1")
    assert status == 202
    await catalog.run_until_idle()
    assert labels(catalog, shop) == {"categories": ["Old"], "tags": [], "tax_rates": []}
    assert catalog.items(shop)[0]["defaultTaxRates"] is True


async def test_an_undo_gives_a_linked_item_its_labels_back(catalog: Catalog) -> None:
    """It had a category and the default tax rates before the batch linked it; a tag put on since stays."""
    shop = await catalog.connected()
    item = add_labelled_item(catalog, shop, "SKU-p-0")
    made = await send(catalog, shop, [row("p-0", categories=["Cups"], tax_rates=["GST"])])
    await catalog.run_until_idle()
    assert labels(catalog, shop, "SKU-p-0") == {"categories": ["Cups"], "tags": [], "tax_rates": ["GST"]}
    create(catalog, shop, "tags", "Sale")
    catalog.till(shop, "label_item", kind="tags", label="Sale", item=item)
    await undo(catalog, shop, change_id(made))
    [shown] = catalog.items(shop)
    assert labels(catalog, shop, shown["sku"]) == {"categories": ["Old"], "tags": ["Sale"], "tax_rates": []}
    assert shown["defaultTaxRates"] is True
    [previewed] = await send(catalog, shop, [row("p-0", categories=["Cups"])], dry_run=True)
    expected = {"field": "categories", "before": ["Old"], "after": ["Cups"]}
    assert [each for each in previewed["change"]["item"]["fields"] if each["field"] == "categories"] == [expected]


async def test_an_undo_gives_back_labels_that_a_batch_stated_first(catalog: Catalog) -> None:
    """They are the till's again, so later edits stay; a set that was edited since is not restored."""
    shop = await catalog.connected()
    await send(catalog, shop, [row("p-0")])
    await catalog.run_until_idle()
    for name in ("Old", "Other"):
        create(catalog, shop, "categories", name)
    create(catalog, shop, "tags", "Sale")
    catalog.till(shop, "label_item", kind="categories", label="Old", sku="SKU-p-0")
    await catalog.sweep()
    made = await send(catalog, shop, [row("p-0", categories=["Cups"], tags=["new"])])
    await catalog.run_until_idle()
    assert labels(catalog, shop, "SKU-p-0") == {"categories": ["Cups"], "tags": ["new"], "tax_rates": []}
    catalog.till(shop, "label_item", kind="tags", label="Sale", sku="SKU-p-0")
    await undo(catalog, shop, change_id(made))
    assert labels(catalog, shop, "SKU-p-0") == {"categories": ["Old"], "tags": ["Sale", "new"], "tax_rates": []}
    catalog.till(shop, "label_item", kind="categories", label="Other", sku="SKU-p-0")
    await catalog.sweep()
    assert labels(catalog, shop, "SKU-p-0")["categories"] == ["Old", "Other"]
    assert (await sync_of(catalog, shop, "p-0"))[0] == "synced"
