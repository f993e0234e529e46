"""Categories, tags and tax rates of products: created, put on items, put back, and never invented."""

from typing import Any

import pytest
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.test_bulk import MANY, rows, send, states, writes
from tests.support.eventually import eventually

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
    await hear_categories(catalog, shop, category, "DELETE")
    for product_id in ("p-1", "p-2"):
        state, reason = await sync_of(catalog, shop, product_id)
        assert (state, "category Cups was deleted in Clover" in reason) == ("held", True)
    await catalog.sweep()
    assert names(catalog, shop, "categories") == []
    await catalog.put(shop, "p-1", categories=["Cups"])
    await catalog.run_until_idle()
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


@pytest.mark.parametrize("kind", LOST + NOT_APPLIED)
@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_category_is_created_once(catalog: Catalog, kind: str) -> None:
    """In every mode of a lost answer there is one category, with both items."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "categories$", "times": 1})
    await catalog.put(shop, "p-1", categories=["Cups"])
    await catalog.put(shop, "p-2", categories=["Cups"])
    for _ in range(4):
        await catalog.run_until_idle()
        catalog.clock.advance(30)
    assert await catalog.synced(shop, "p-1")
    assert await catalog.synced(shop, "p-2")
    assert names(catalog, shop, "categories") == ["Cups"]
    assert {labels(catalog, shop, f"SKU-p-{each}")["categories"][0] for each in (1, 2)} == {"Cups"}
    assert catalog.calls().count("POST categories") == (1 if kind in LOST else 2)


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_category_created_late_is_waited_for(catalog: Catalog) -> None:
    """One that appears after its creation timed out is found, not created again; other products do not wait for it."""
    shop = await catalog.connected()
    late = {"kind": "apply_late", "seconds": 2.0, "method": "POST", "path": "categories$", "times": 1}
    catalog.clover.faults.add(late)
    await catalog.put(shop, categories=["Cups"])
    await catalog.put(shop, "p-2")
    await catalog.run_until_idle()
    assert (await sync_of(catalog, shop, "p-2"))[0] == "synced"
    for _ in range(3):
        catalog.clock.advance(10)
        await catalog.run_until_idle()
    assert catalog.calls().count("POST categories") == 1
    await eventually(lambda: names(catalog, shop, "categories") == ["Cups"])
    catalog.clock.advance(10)
    assert await catalog.synced(shop)
    assert names(catalog, shop, "categories") == ["Cups"]


@pytest.mark.parametrize("kind", LOST + NOT_APPLIED)
@pytest.mark.parametrize("count", [2, MANY])
async def test_a_lost_answer_to_associations(catalog: Catalog, kind: str, count: int) -> None:
    """They are made again, which changes nothing, and no item is created twice."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": "tag_items$", "times": 1})
    await send(catalog, shop, rows(count, categories=["Cups"], tags=["new"]))
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"pending"}
    catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert set((await states(catalog, shop)).values()) == {"synced"}
    assert len(catalog.items(shop)) == count
    for number in range(count):
        assert labels(catalog, shop, f"SKU-{number}") == {"categories": ["Cups"], "tags": ["new"], "tax_rates": []}


@pytest.mark.parametrize("unknown", ["refuse", "skip"])
async def test_a_category_deleted_meanwhile_stops_no_other(catalog: Catalog, unknown: str) -> None:
    """Clover refuses the call for all items, or makes the other associations; the others get theirs in the end."""
    catalog.clover.switches.set({"association_unknown": unknown})
    shop = await catalog.connected()
    create(catalog, shop, "categories", "Gone")
    delete = {"action": "delete_label", "input": {"kind": "categories", "label": "Gone"}, "when": "before"}
    catalog.clover.faults.add({"kind": "till", "method": "POST", "path": "category_items$", "times": 1, **delete})
    await send(catalog, shop, [*rows(MANY, categories=["Cups"]), *rows(MANY + 1, categories=["Gone"])[MANY:]])
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(5)
    await catalog.sweep()
    await catalog.sweep()
    found = await states(catalog, shop)
    assert {each for each, state in found.items() if state != "synced"} == {f"p-{MANY}"}
    assert "category Gone was deleted" in (await sync_of(catalog, shop, f"p-{MANY}"))[1]
    assert labels(catalog, shop, "SKU-3")["categories"] == ["Cups"]
    assert names(catalog, shop, "categories") == ["Cups"]


async def test_an_item_deleted_meanwhile_stops_no_other(catalog: Catalog) -> None:
    """Clover refuses the call for all items; its product is held, and the others get their categories."""
    shop = await catalog.connected()
    await send(catalog, shop, rows(MANY))
    await catalog.run_until_idle()
    gone = (await catalog.product(shop, "p-3"))["item_id"]
    delete = {"action": "delete_item", "input": {"item": gone}, "when": "before"}
    catalog.clover.faults.add({"kind": "till", "method": "POST", "path": "category_items$", "times": 1, **delete})
    await send(catalog, shop, rows(MANY, categories=["Cups"]))
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(5)
    found = await states(catalog, shop)
    assert {each for each, state in found.items() if state != "synced"} == {"p-3"}
    assert labels(catalog, shop, "SKU-4")["categories"] == ["Cups"]


async def test_a_refused_category_holds_its_products_alone(catalog: Catalog) -> None:
    """The reason is Clover's."""
    shop = await catalog.connected()
    catalog.clover.faults.add(
        {"kind": "refuse", "method": "POST", "path": "categories$", "status": 400, "body": {"message": "Not today"}}
    )
    await catalog.put(shop, categories=["Cups"])
    await catalog.put(shop, "p-2", tags=["new"])
    await catalog.run_until_idle()
    assert await sync_of(catalog, shop) == ("held", "Not today")
    assert (await sync_of(catalog, shop, "p-2"))[0] == "synced"


async def test_an_unlinked_item_gets_its_labels_back(catalog: Catalog) -> None:
    """It had a category and the default tax rates before it was linked by mistake."""
    shop = await catalog.connected()
    item = catalog.add_item(shop, sku="SKU-p-1")
    create(catalog, shop, "categories", "Old")
    create(catalog, shop, "tax_rates", "GST")
    catalog.till(shop, "label_item", kind="categories", label="Old", item=item)
    await catalog.put(shop, categories=["Cups"], tax_rates=["GST"])
    assert await catalog.synced(shop)
    assert labels(catalog, shop) == {"categories": ["Cups"], "tags": [], "tax_rates": ["GST"]}
    status, _ = await catalog.call("DELETE", f"/v1/merchants/{shop.id}/links/p-1")
    assert status == 202
    await catalog.run_until_idle()
    assert labels(catalog, shop) == {"categories": ["Old"], "tags": [], "tax_rates": []}
    assert catalog.items(shop)[0]["defaultTaxRates"] is True


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
