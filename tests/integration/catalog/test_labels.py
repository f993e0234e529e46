"""Categories, tags and tax rates of products: created, put on items and taken off them."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.labels import create, labels, sync_of
from tests.integration.catalog.test_bulk import MANY, rows, send, states, writes


async def test_a_product_gets_its_labels(catalog: Catalog) -> None:
    """Categories and tags that Clover lacks are created, the others are found; one call for each kind puts them on."""
    shop = await catalog.connected()
    create(catalog, shop, "categories", "Kitchen")
    create(catalog, shop, "tax_rates", "GST")
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


async def test_items_of_a_batch_share_their_calls(catalog: Catalog) -> None:
    """One call for each kind and direction; products without labels cost none, nor do unchanged ones."""
    shop = await catalog.connected()
    await send(catalog, shop, [*rows(MANY, categories=["Cups"], tags=["new"]), *rows(2 * MANY)[MANY:]])
    await catalog.run_until_idle()
    assert writes(catalog) == [
        "POST categories",
        "POST tags",
        "POST bulk_items",
        "POST category_items",
        "POST tag_items",
    ]
    assert set((await states(catalog, shop)).values()) == {"synced"}
    catalog.clover.journal.forget()
    changed = rows(MANY, categories=["Plates"], tags=["new"])
    await send(catalog, shop, changed)
    await catalog.run_until_idle()
    assert writes(catalog) == ["POST categories", "POST category_items", "POST category_items"]  # and off the others
    assert labels(catalog, shop, "SKU-0")["categories"] == ["Plates"]
    catalog.clover.journal.forget()
    await send(catalog, shop, changed)
    await catalog.sweep()
    assert writes(catalog) == []


@pytest.mark.parametrize("count", [2, MANY])
async def test_variants_have_labels_of_their_own(catalog: Catalog, count: int) -> None:
    """Their items get options and labels, each by calls for all of them."""
    shop = await catalog.connected()
    variants = [
        row | {"variant": {"group": "tee", "name": "Tee", "options": {"Size": f"{number}"}}, "categories": ["Tops"]}
        for number, row in enumerate(rows(count))
    ]
    await send(catalog, shop, variants)
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert all(labels(catalog, shop, f"SKU-{number}")["categories"] == ["Tops"] for number in range(count))
    assert {item["name"] for item in catalog.items(shop)} == {f"Tee {number}" for number in range(count)}
    assert writes(catalog).count("POST category_items") == 1


@pytest.mark.parametrize("touches", ["yes", "no"])
async def test_a_read_confirms_what_was_written(catalog: Catalog, touches: str) -> None:
    """Webhooks and sweeps cause no further write, whether or not Clover counts it as a change of the item."""
    catalog.clover.switches.set({"association_touches_item": touches})
    shop = await catalog.connected()
    await catalog.put(shop, categories=["Cups"], tags=["new"])
    await catalog.run_until_idle()
    catalog.clover.journal.forget()
    await catalog.hear(shop, catalog.items(shop)[0]["id"])
    await catalog.sweep()
    await catalog.sweep()
    assert writes(catalog) == []
    assert (await sync_of(catalog, shop))[0] == "synced"


async def test_a_set_that_nobody_states_is_left_alone(catalog: Catalog) -> None:
    """A product without categories keeps those that its item has at the till."""
    shop = await catalog.connected()
    item = catalog.add_item(shop, sku="SKU-p-1")
    create(catalog, shop, "categories", "Cups")
    catalog.till(shop, "label_item", kind="categories", label="Cups", item=item)
    await catalog.put(shop, tags=["new"])
    assert await catalog.synced(shop)
    assert labels(catalog, shop) == {"categories": ["Cups"], "tags": ["new"], "tax_rates": []}
    assert catalog.items(shop)[0]["defaultTaxRates"] is True


@pytest.mark.parametrize("shown", ["no", "yes"])
async def test_what_is_stated_no_more_is_taken_off(catalog: Catalog, shown: str) -> None:
    """The labels that were ours go, and the item has the default tax rates again."""
    catalog.clover.switches.set({"default_rates_shown": shown})
    shop = await catalog.connected()
    create(catalog, shop, "tax_rates", "VAT", isDefault=True)
    create(catalog, shop, "tax_rates", "Reduced")
    await catalog.put(shop, categories=["Cups"], tax_rates=["Reduced", "VAT"])
    assert await catalog.synced(shop)
    assert labels(catalog, shop) == {"categories": ["Cups"], "tags": [], "tax_rates": ["Reduced", "VAT"]}
    await catalog.put(shop)
    assert await catalog.synced(shop)
    assert labels(catalog, shop) == {"categories": [], "tags": [], "tax_rates": []}
    assert catalog.items(shop)[0]["defaultTaxRates"] is True
    catalog.clover.journal.forget()
    await catalog.sweep()
    assert writes(catalog) == []


@pytest.mark.parametrize("shown", ["no", "yes"])
async def test_no_tax_rate_at_all(catalog: Catalog, shown: str) -> None:
    """An empty list takes the default rates off as well."""
    catalog.clover.switches.set({"default_rates_shown": shown})
    shop = await catalog.connected()
    create(catalog, shop, "tax_rates", "VAT", isDefault=True)
    catalog.add_item(shop, sku="SKU-p-1")
    await catalog.put(shop, tax_rates=[])
    assert await catalog.synced(shop)
    await catalog.sweep()
    assert (labels(catalog, shop)["tax_rates"], catalog.items(shop)[0]["defaultTaxRates"]) == ([], False)
    assert (await sync_of(catalog, shop))[0] == "synced"


async def test_labels_in_previews_and_undos(catalog: Catalog) -> None:
    """They show as lists, before and after, of the product and of its item; an undo brings them back."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}/products:batch"
    await catalog.call("POST", path, rows(1, categories=["Cups"]))
    await catalog.run_until_idle()
    after = rows(1, categories=["Plates", "Cups"], tags=[])
    _, [previewed] = await catalog.call("POST", f"{path}?dry_run=true", after)
    expected = [
        {"field": "categories", "before": ["Cups"], "after": ["Cups", "Plates"]},
        {"field": "tags", "before": None, "after": []},
    ]
    assert previewed["change"]["fields"] == expected
    assert previewed["change"]["item"]["action"] == "update"
    assert previewed["change"]["item"]["fields"] == expected[:1]
    _, [outcome] = await catalog.call("POST", path, after)
    await catalog.run_until_idle()
    assert labels(catalog, shop, "SKU-0")["categories"] == ["Cups", "Plates"]
    changes = f"/v1/merchants/{shop.id}/changes/{outcome['change_id']}"
    _, details = await catalog.call("GET", changes)
    assert sorted(details["products"][0]["fields"], key=lambda each: each["field"]) == expected
    await catalog.call("POST", f"{changes}:undo")
    await catalog.run_until_idle()
    shown = await catalog.product(shop, "p-0")
    assert (shown["categories"], shown["tags"]) == (["Cups"], None)
    assert labels(catalog, shop, "SKU-0")["categories"] == ["Cups"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("categories", ["x" * 128]),
        ("tags", ["x" * 256]),
        ("tax_rates", ["x" * 128]),
        ("categories", ["Cups", " Plates"]),
        ("categories", ["Cups", "cups"]),
        ("tags", ["new", "new"]),
        ("tags", [""]),
        ("tags", ["bell \x07"]),
        ("tags", [7]),
        ("tax_rates", "GST"),
        ("tax_rates", [f"rate {number}" for number in range(101)]),
    ],
)
async def test_names_that_no_label_can_have(catalog: Catalog, field: str, given: Any) -> None:
    """The row is refused with its field and a remedy, and the others are stored."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}/products:batch"
    bad, good = rows(2)
    status, outcomes = await catalog.call("POST", path, [bad | {field: given}, good])
    assert status == 200
    assert [each["outcome"] for each in outcomes] == ["refused", "accepted"]
    [error] = outcomes[0]["errors"]
    assert error["field"].startswith(field)
    assert error["remedy"]
