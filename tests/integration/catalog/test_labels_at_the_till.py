"""Labels edited, renamed, deleted or missing in Clover: put back, followed or waited for, and never invented."""

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.labels import create, hear_categories, labels, names, sync_of
from tests.integration.catalog.test_bulk import rows, writes


@pytest.mark.parametrize("touches", ["yes", "no"])
async def test_an_edit_at_the_till_is_put_back(catalog: Catalog, touches: str) -> None:
    """A category that was added there goes, one that was taken off comes back."""
    catalog.clover.switches.set({"association_touches_item": touches})
    shop = await catalog.connected()
    await catalog.put(shop, categories=["Cups"])
    await catalog.run_until_idle()
    await catalog.hear(shop, catalog.items(shop)[0]["id"])
    item = catalog.items(shop)[0]["id"]
    create(catalog, shop, "categories", "Plates")
    for _ in range(2):
        catalog.till(shop, "label_item", kind="categories", label="Plates", item=item)
        catalog.till(shop, "unlabel_item", kind="categories", label="Cups", item=item)
        await catalog.sweep()
        assert labels(catalog, shop)["categories"] == ["Cups"]
        await catalog.sweep()
    assert (await sync_of(catalog, shop))[0] == "synced"
    assert names(catalog, shop, "categories") == ["Cups", "Plates"]


async def test_a_product_that_is_saved_again_is_compared_with_clover(catalog: Catalog) -> None:
    """Its labels are put back although no webhook reported the edit at the till."""
    shop = await catalog.connected()
    await catalog.put(shop, categories=["Cups"])
    assert await catalog.synced(shop)
    catalog.till(shop, "unlabel_item", kind="categories", label="Cups", sku="SKU-p-1")
    await catalog.put(shop, categories=["Cups"])
    assert await catalog.synced(shop)
    assert labels(catalog, shop)["categories"] == ["Cups"]


async def test_a_missing_tax_rate_is_waited_for(catalog: Catalog) -> None:
    """It is not invented: nothing is written of the product, which says so, and goes on once the rate exists."""
    shop = await catalog.connected()
    await catalog.put(shop, tax_rates=["GST 5%"], categories=["Cups"])
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    state, reason = await sync_of(catalog, shop)
    assert state == "held"
    assert "no tax rate named GST 5%. Add it in Clover under Setup" in reason
    assert [each["sku"] for each in catalog.items(shop)] == ["SKU-p-2"]
    assert names(catalog, shop, "tax_rates") == ["NO_TAX_APPLIED"]
    await catalog.sweep()
    assert (await sync_of(catalog, shop))[0] == "held"
    create(catalog, shop, "tax_rates", "GST 5%")
    await catalog.sweep()
    assert (await sync_of(catalog, shop))[0] == "synced"
    assert labels(catalog, shop) == {"categories": ["Cups"], "tags": [], "tax_rates": ["GST 5%"]}


async def test_a_preview_names_a_missing_tax_rate(catalog: Catalog) -> None:
    """A category that is missing will be created."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}/products:batch?dry_run=true"
    [first, second] = rows(2)
    given = [first | {"tax_rates": ["GST"]}, second | {"categories": ["Cups"]}]
    _, outcomes = await catalog.call("POST", path, given)
    forecasts = [each["change"]["item"] for each in outcomes]
    assert [each["action"] for each in forecasts] == ["hold", "create"]
    assert "no tax rate named GST" in forecasts[0]["reason"]


async def test_tax_rates_with_one_name_are_for_a_person(catalog: Catalog) -> None:
    """They may charge different amounts."""
    shop = await catalog.connected()
    create(catalog, shop, "tax_rates", "GST", rate=500_000)
    other = create(catalog, shop, "tax_rates", "GST", rate=700_000)
    await catalog.put(shop, tax_rates=["GST"])
    await catalog.run_until_idle()
    assert "several tax rates named GST" in (await sync_of(catalog, shop))[1]
    catalog.till(shop, "delete_label", kind="tax_rates", label=other)
    catalog.clover.journal.forget()
    await catalog.put(shop, tax_rates=["GST"])
    assert await catalog.synced(shop)


async def test_a_deleted_category_is_not_created_again_by_itself(catalog: Catalog) -> None:
    """Its products say so and wait. Saving one again creates the category anew, and the others go on with it."""
    shop = await catalog.connected()
    for product_id in ("p-1", "p-2"):
        await catalog.put(shop, product_id, categories=["Cups"])
    await catalog.run_until_idle()
    await catalog.sweep()
    [category] = [each["id"] for each in catalog.clover.world.merchants[shop.id].objects["categories"]]
    catalog.till(shop, "delete_label", kind="categories", label=category)
    catalog.clover.journal.forget()
    await hear_categories(catalog, shop, category, "DELETE")
    assert [call for call in catalog.calls() if "items" in call] == []  # the list of categories says it all
    for product_id in ("p-1", "p-2"):
        state, reason = await sync_of(catalog, shop, product_id)
        assert (state, "category Cups was deleted in Clover" in reason) == ("held", True)
    await catalog.sweep()
    assert names(catalog, shop, "categories") == []
    await catalog.put(shop, "p-1", categories=["Cups"], price=1300)
    await catalog.run_until_idle()
    assert [each["price"] for each in catalog.items(shop) if each["sku"] == "SKU-p-1"] == [1300]
    catalog.clock.advance(5)
    await catalog.sweep()
    assert names(catalog, shop, "categories") == ["Cups"]
    assert [(await sync_of(catalog, shop, each))[0] for each in ("p-1", "p-2")] == ["synced", "synced"]
    assert labels(catalog, shop, "SKU-p-2")["categories"] == ["Cups"]


async def test_a_deleted_tag_is_noticed_without_its_items(catalog: Catalog) -> None:
    """The list of tags alone shows it, as no webhook and no change of an item does."""
    shop = await catalog.connected()
    await catalog.put(shop, tags=["new"])
    assert await catalog.synced(shop)
    catalog.till(shop, "delete_label", kind="tags", label="new")
    await hear_categories(catalog, shop, "CATEGORY00001", "UPDATE")
    assert (await sync_of(catalog, shop))[0] == "held"
    assert names(catalog, shop, "tags") == []


async def test_a_category_that_is_stated_no_more_ends_the_wait(catalog: Catalog) -> None:
    """The person who deleted it takes it off the product."""
    shop = await catalog.connected()
    await catalog.put(shop, categories=["Cups", "Gifts"])
    await catalog.run_until_idle()
    catalog.till(shop, "delete_label", kind="categories", label="Cups")
    await catalog.sweep()
    assert (await sync_of(catalog, shop))[0] == "held"
    await catalog.put(shop, categories=["Gifts"])
    assert await catalog.synced(shop)
    assert names(catalog, shop, "categories") == ["Gifts"]


async def test_a_renamed_category_keeps_its_items(catalog: Catalog) -> None:
    """It is the same one, by its former name and by the new one; nothing is written."""
    shop = await catalog.connected()
    await catalog.put(shop, categories=["Cups"])
    await catalog.run_until_idle()
    category = catalog.till(shop, "edit_label", kind="categories", label="Cups", name="Mugs")["id"]
    catalog.clover.journal.forget()
    await hear_categories(catalog, shop, category, "UPDATE")
    await catalog.sweep()
    await catalog.put(shop, "p-1", categories=["Cups"])
    await catalog.put(shop, "p-2", categories=["Mugs"])
    await catalog.put(shop, "p-3", categories=["Cups"])
    await catalog.run_until_idle()
    assert "POST categories" not in writes(catalog)
    assert names(catalog, shop, "categories") == ["Mugs"]
    assert {labels(catalog, shop, f"SKU-p-{each}")["categories"][0] for each in (1, 2, 3)} == {"Mugs"}
    assert [(await sync_of(catalog, shop, f"p-{each}"))[0] for each in (1, 2, 3)] == ["synced"] * 3


async def test_either_of_two_categories_with_one_name_counts(catalog: Catalog) -> None:
    """The item stays in the one it is in."""
    shop = await catalog.connected()
    item = catalog.add_item(shop, sku="SKU-p-1")
    ids = [create(catalog, shop, "categories", "Cups") for _ in range(2)]
    catalog.till(shop, "label_item", kind="categories", label=max(ids), item=item)
    await catalog.put(shop, categories=["cups"])
    assert await catalog.synced(shop)
    assert not [call for call in writes(catalog) if "categor" in call]
    assert names(catalog, shop, "categories") == ["Cups", "Cups"]
