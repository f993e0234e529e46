"""Items, variants, counts and availability."""

from typing import Any

import pytest
from tests.support.clover import Clover, Shop


async def make_item(shop: Shop, **fields: Any) -> Any:
    return await shop.post("/items", {"name": "Item", "price": 250, **fields})


async def make_variant(shop: Shop) -> tuple[str, str, str, str]:
    """Return the ids of a group with an attribute, an option and an item."""
    group = (await shop.post("/item_groups", {"name": "Shirt"}))["id"]
    attribute = (await shop.post("/attributes", {"name": "Size", "itemGroup": {"id": group}}))["id"]
    option = (await shop.post(f"/attributes/{attribute}/options", {"name": "Large"}))["id"]
    item = (await shop.post("/items", {"name": "Shirt", "price": 1000, "itemGroup": {"id": group}}))["id"]
    await shop.post("/option_items", {"elements": [{"option": {"id": option}, "item": {"id": item}}]})
    return group, attribute, option, item


@pytest.mark.parametrize(
    "body",
    [
        {"name": "bad", "price": -1},
        {"name": "x" * 128, "price": 1},
        {"price": 1},
        {"name": "no price"},
        {"name": "half", "price": 1.5},
        {"name": "flag", "price": 1, "hidden": "yes"},
        {"name": "type", "price": 1, "priceType": "GUESS"},
        {"name": "group", "price": 1, "itemGroup": {"id": "NONE"}},
    ],
)
async def test_a_wrong_item_is_refused(shop: Shop, body: Any) -> None:
    """The answer has a message, and no item is created."""
    reply = await shop.call("POST", "/items", body)

    assert reply.status in {400, 404}
    assert reply.body["message"]
    assert len(shop.merchant.objects["items"]) == 0


async def test_post_is_partial_and_put_is_not(shop: Shop) -> None:
    """POST keeps absent fields; PUT requires name and price."""
    item = await make_item(shop)
    changed = await shop.post(f"/items/{item['id']}", {"hidden": True})
    refused = await shop.call("PUT", f"/items/{item['id']}", {"price": 100})

    assert (changed["hidden"], changed["price"]) == (True, 250)
    assert refused.status == 400
    assert (await shop.call("PUT", f"/items/{item['id']}", {"name": "N", "price": 1})).body["price"] == 1


async def test_a_deleted_item_is_gone_from_lists_and_by_id(shop: Shop) -> None:
    """Deletion is soft, so a filter still finds the item."""
    kept, gone = await make_item(shop), await make_item(shop)
    await shop.call("DELETE", f"/items?itemIds={gone['id']}")

    assert [each["id"] for each in (await shop.get("/items"))["elements"]] == [kept["id"]]
    assert (await shop.call("GET", f"/items/{gone['id']}")).body == {"message": "invalid ID"}
    assert [each["id"] for each in (await shop.get("/items?filter=deleted=true"))["elements"]] == [gone["id"]]


async def test_bulk_takes_2500_rows_and_no_more(shop: Shop) -> None:
    """A larger body gets a 400 and creates nothing."""
    rows = [{"name": "n", "price": 1}] * 2500
    assert (await shop.call("POST", "/bulk_items", {"items": [*rows, rows[0]]})).status == 400
    assert len(shop.merchant.objects["items"]) == 0

    assert len(await shop.post("/bulk_items", {"items": rows})) == 2500


async def test_bulk_updates_are_partial(shop: Shop) -> None:
    """PUT bulk_items changes only the fields of each row."""
    items = await shop.post("/bulk_items", {"items": [{"name": "a", "price": 1}, {"name": "b", "price": 2}]})
    reply = await shop.call("PUT", "/bulk_items", {"items": [{"id": each["id"], "hidden": True} for each in items]})

    assert [(each["hidden"], each["price"]) for each in reply.body] == [(True, 1), (True, 2)]


@pytest.mark.parametrize(("mode", "status", "made"), [("refuse_all", 400, 0), ("skip_row", 200, 1)])
async def test_a_bad_bulk_row_fails_all_or_itself(
    clover: Clover, shop: Shop, mode: str, status: int, made: int
) -> None:
    """Switches set the effect and the shape of the answer."""
    clover.sandbox.switches.set({"bulk_invalid_row": mode, "bulk_answer": "elements"})
    reply = await shop.call("POST", "/bulk_items", {"items": [{"name": "ok", "price": 1}, {"name": "bad"}]})

    assert reply.status == status
    assert len(shop.merchant.objects["items"]) == made
    assert len(reply.body.get("elements", [])) == made


async def test_variants_are_named_by_group_and_options(shop: Shop) -> None:
    """The name follows from group and options; neither name nor group can change."""
    group = await shop.post("/item_groups", {"name": "Shirt"})
    attribute = await shop.post("/attributes", {"name": "Size", "itemGroup": {"id": group["id"]}})
    option = await shop.post(f"/attributes/{attribute['id']}/options", {"name": "Large"})
    item = await shop.post("/items", {"price": 1000, "itemGroup": {"id": group["id"]}})
    tie = {"option": {"id": option["id"]}, "item": {"id": item["id"]}}
    await shop.post("/option_items", {"elements": [tie]})
    renamed = await shop.post(f"/items/{item['id']}", {"name": "Mine", "itemGroup": None, "sku": "L"})

    assert (renamed["name"], renamed["sku"], renamed["itemGroup"]) == ("Shirt Large", "L", {"id": group["id"]})
    assert [each["id"] for each in (await shop.get(f"/items?filter=option.id={option['id']}"))["elements"]] == [
        item["id"]
    ]
    expanded = await shop.get(f"/item_groups/{group['id']}?expand=items,attributes")
    assert [each["id"] for each in expanded["attributes"]["elements"]] == [attribute["id"]]


async def test_a_renamed_group_or_option_names_its_variants_anew(shop: Shop) -> None:
    """The names are built anew, and so are those of variants that lose an option."""
    group, attribute, option, item = await make_variant(shop)
    await shop.post(f"/item_groups/{group}", {"name": "Tee"})
    assert (await shop.get(f"/items/{item}"))["name"] == "Tee Large"
    await shop.post(f"/attributes/{attribute}/options/{option}", {"name": "L"})
    assert (await shop.get(f"/items/{item}"))["name"] == "Tee L"
    assert (await shop.call("DELETE", f"/attributes/{attribute}/options/{option}")).status == 200
    assert (await shop.get(f"/items/{item}"))["name"] == "Tee"
    assert (await shop.call("GET", f"/attributes/{attribute}/options/{option}")).status == 404


async def test_a_deleted_attribute_takes_its_options_with_it(shop: Shop) -> None:
    """No list shows them any more, and the variants lose their names."""
    _, attribute, option, item = await make_variant(shop)
    assert (await shop.call("DELETE", f"/attributes/{attribute}")).status == 200
    assert option not in {each["id"] for each in (await shop.get("/options"))["elements"]}
    shown = await shop.get(f"/items/{item}?expand=options")
    assert (shown["name"], shown["options"]["elements"]) == ("Shirt", [])


async def test_a_deleted_variant_is_not_named_anew(shop: Shop) -> None:
    """It stays as it was when it was deleted."""
    _, attribute, option, item = await make_variant(shop)
    assert (await shop.call("DELETE", f"/items/{item}")).status == 200
    await shop.post(f"/attributes/{attribute}/options/{option}", {"name": "L"})
    (shown,) = (await shop.get("/items?filter=deleted=true"))["elements"]
    assert shown["name"] == "Shirt Large"


@pytest.mark.parametrize(("mode", "status"), [("ignore", 200), ("refuse", 400)])
async def test_a_variant_never_leaves_its_group(clover: Clover, shop: Shop, mode: str, status: int) -> None:
    """A change of the group is ignored or refused."""
    clover.sandbox.switches.set({"variant_moved": mode})
    group, _, _, item = await make_variant(shop)
    other = (await shop.post("/item_groups", {"name": "Trousers"}))["id"]
    assert (await shop.call("POST", f"/items/{item}", {"itemGroup": {"id": other}})).status == status
    assert (await shop.get(f"/items/{item}"))["itemGroup"] == {"id": group}


@pytest.mark.parametrize(("mode", "status"), [("accept", 200), ("refuse", 400)])
async def test_labels_with_the_same_name(clover: Clover, shop: Shop, mode: str, status: int) -> None:
    """A second attribute or option with the same name is accepted or refused."""
    clover.sandbox.switches.set({"same_label": mode})
    group, attribute, _, _ = await make_variant(shop)
    again = await shop.call("POST", "/attributes", {"name": "Size", "itemGroup": {"id": group}})
    assert again.status == status
    assert (await shop.call("POST", f"/attributes/{attribute}/options", {"name": "Large"})).status == status


@pytest.mark.parametrize(("mode", "status"), [("refuse", 400), ("accept", 200)])
async def test_an_option_of_another_group(clover: Clover, shop: Shop, mode: str, status: int) -> None:
    """It is refused or accepted for an item that is no member of the group."""
    clover.sandbox.switches.set({"foreign_option": mode})
    _, _, option, _ = await make_variant(shop)
    tie = {"option": {"id": option}, "item": {"id": (await make_item(shop))["id"]}}
    assert (await shop.call("POST", "/option_items", {"elements": [tie]})).status == status


@pytest.mark.parametrize(("mode", "status", "left"), [("refuse", 400, 1), ("items_too", 200, 0)])
async def test_a_group_that_has_items_is_deleted(clover: Clover, shop: Shop, mode: str, status: int, left: int) -> None:
    """It is refused, or its items are deleted as well; an empty group is deleted."""
    clover.sandbox.switches.set({"group_deleted": mode})
    group, attribute, _, _ = await make_variant(shop)
    assert (await shop.call("DELETE", f"/item_groups/{group}")).status == status
    assert len((await shop.get("/items"))["elements"]) == left
    empty = (await shop.post("/item_groups", {"name": "Empty"}))["id"]
    assert (await shop.call("DELETE", f"/item_groups/{empty}")).status == 200
    assert (await shop.call("GET", f"/attributes/{attribute}")).status == (200 if left else 404)
    assert len((await shop.get("/options"))["elements"]) == left


async def test_an_item_is_listed_in_its_category(shop: Shop) -> None:
    """Both sides list the association until it is removed."""
    item, category = await make_item(shop), await shop.post("/categories", {"name": "Specials", "sortOrder": 7})
    tie = {"elements": [{"item": {"id": item["id"]}, "category": {"id": category["id"]}}]}
    await shop.post("/category_items", tie)

    (shown,) = (await shop.get(f"/items/{item['id']}?expand=categories"))["categories"]["elements"]
    assert shown == {"id": category["id"], "name": "Specials", "sortOrder": 7, "deleted": False}
    await shop.post("/category_items?delete=true", {"elements": [{"category": {"id": category["id"]}}]})
    assert (await shop.get(f"/categories/{category['id']}/items"))["elements"] == []


async def test_counts_are_absolute_decimal_and_may_be_negative(shop: Shop) -> None:
    """A write overwrites; the rounded count rounds half up."""
    item = await make_item(shop)
    first = await shop.post(f"/item_stocks/{item['id']}", {"quantity": -2.5})
    second = await shop.post(f"/item_stocks/{item['id']}", {"quantity": 160.5})

    assert first["quantity"] == -2.5
    assert {**second, "modifiedTime": 0} == {
        "item": {"id": item["id"]},
        "stockCount": 161,
        "quantity": 160.5,
        "modifiedTime": 0,
    }


async def test_a_never_counted_item_has_no_quantity(shop: Shop) -> None:
    """The object and the list omit it, and expand=itemStock omits the key."""
    counted, stub = await make_item(shop), await make_item(shop)
    await shop.post(f"/item_stocks/{counted['id']}", {"quantity": 0})

    assert await shop.get(f"/item_stocks/{stub['id']}") == {"item": {"id": stub["id"]}}
    assert ["quantity" in row for row in (await shop.get("/item_stocks"))["elements"]] == [False, True]
    assert "itemStock" not in await shop.get(f"/items/{stub['id']}?expand=itemStock")
    await shop.call("DELETE", f"/item_stocks/{counted['id']}")
    assert "quantity" not in await shop.get(f"/item_stocks/{counted['id']}")


@pytest.mark.parametrize("quantity", ["4", None, True, [1]])
async def test_a_count_is_a_number(shop: Shop, quantity: Any) -> None:
    """Any other value gets a 400 and leaves the item uncounted."""
    item = await make_item(shop)

    assert (await shop.call("POST", f"/item_stocks/{item['id']}", {"quantity": quantity})).status == 400
    assert shop.count(item["id"]) is None


@pytest.mark.parametrize("mode", ["no", "yes"])
async def test_whether_a_stock_write_updates_the_item_is_a_switch(clover: Clover, shop: Shop, mode: str) -> None:
    """Open question 9: a switch decides whether modifiedTime changes."""
    item = await make_item(shop)
    clover.sandbox.switches.set({"stock_touches_item": mode})
    clover.sandbox.world.clock.advance(5)
    await shop.post(f"/item_stocks/{item['id']}", {"quantity": 1})

    assert ((await shop.get(f"/items/{item['id']}"))["modifiedTime"] > item["modifiedTime"]) is (mode == "yes")


@pytest.mark.parametrize(
    ("mode", "seen"),
    [
        ("unchanged", [False, False, True, True]),
        ("available", [False, True, True, True]),
        ("unavailable", [False, False, True, False]),
    ],
)
async def test_availability_follows_the_count(clover: Clover, shop: Shop, mode: str, seen: list[bool]) -> None:
    """The item is unavailable at 0 and available from 1; a switch decides between."""
    clover.sandbox.switches.set({"fraction_available": mode})
    item = await make_item(shop, autoManage=True)
    available = []
    for quantity in (0, 0.5, 1, 0.5):
        await shop.post(f"/item_stocks/{item['id']}", {"quantity": quantity})
        available.append((await shop.get(f"/items/{item['id']}"))["available"])

    assert available == seen


@pytest.mark.parametrize(("quantity", "available"), [(0, False), (2, True)])
async def test_availability_follows_from_when_it_is_managed(shop: Shop, quantity: float, available: bool) -> None:
    """Enabling autoManage applies the current count."""
    item = await make_item(shop, available=not available)
    await shop.post(f"/item_stocks/{item['id']}", {"quantity": quantity})

    assert (await shop.post(f"/items/{item['id']}", {"autoManage": True}))["available"] is available


async def test_without_track_stock_availability_stays(shop: Shop) -> None:
    """AutoManage has no effect without the merchant's trackStock."""
    await shop.post("/properties", {"trackStock": False})
    item = await make_item(shop, autoManage=True)
    await shop.post(f"/item_stocks/{item['id']}", {"quantity": 0})

    assert (await shop.get(f"/items/{item['id']}"))["available"] is True
