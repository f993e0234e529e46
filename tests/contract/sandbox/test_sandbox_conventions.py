"""Conventions of all calls: envelope, paging, filters, expands, refusals."""

import pytest
from tests.support.clover import Clover, Shop


async def make_items(shop: Shop, count: int) -> list[str]:
    """Create items and return their ids, newest first."""
    rows = [{"name": f"Item {number}", "price": number, "sku": f"S{number}"} for number in range(count)]
    return [item["id"] for item in await shop.post("/bulk_items", {"items": rows})][::-1]


async def test_json_has_a_space_after_colon_and_comma(shop: Shop) -> None:
    """The format equals that of Clover's server."""
    url = f"{shop.url}/v3/merchants/{shop.merchant.id}/item_stocks"
    async with shop.http.get(url, headers={"Authorization": f"Bearer {shop.token}"}) as answer:
        assert (await answer.text()).startswith('{"elements": [], "href": "http')


async def test_pages_are_newest_first_and_end_short(shop: Shop) -> None:
    """The default page has 100 records; the last page is shorter than its limit."""
    ids = await make_items(shop, 150)
    pages = [await shop.get(f"/items{query}") for query in ("", "?offset=100", "?limit=7&offset=149", "?offset=150")]

    assert [[each["id"] for each in page["elements"]] for page in pages] == [ids[:100], ids[100:], ids[149:], []]


@pytest.mark.parametrize(
    "query", ["limit=1001", "offset=-1", "limit=x", "filter=categories.id=1", "orderBy=nonsense ASC"]
)
async def test_a_bad_query_is_400_with_a_message(shop: Shop, query: str) -> None:
    """The body is the error envelope alone."""
    reply = await shop.call("GET", f"/items?{query}")

    assert reply.status == 400
    assert set(reply.body) == {"message"}


async def test_a_bad_query_applies_nothing(shop: Shop) -> None:
    """A creation with an invalid limit creates nothing."""
    assert (await shop.call("POST", "/items?limit=1001", {"name": "A", "price": 1})).status == 400
    assert len(shop.merchant.objects["items"]) == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("filter=sku=S3", [3]),
        ("filter=sku in ('S1','S4','S99')", [4, 1]),
        ("filter=price>=3&filter=price<5", [4, 3]),
        ("filter=name=Item 1*", [1]),
        ("filter=hidden=true", [2]),
        ("filter=itemCode=CODE-1", [1]),
        ("filter=price!=0&filter=hidden=false&orderBy=price ASC", [1, 3, 4, 5]),
        ("orderBy=price DESC&limit=2", [5, 4]),
        ("filter=itemStock.quantity>0.5", [5]),
        ("filter=deleted=true", [6]),
        ("filter=deleted!=false", [6]),
        ("filter=deleted!=true&filter=price<2", [1, 0]),
        ("filter=modifiedTime>0.5&filter=modifiedTime<9e15&offset=4", [1, 0]),
        ("filter=modifiedTime<1&orderBy=modifiedTime ASC", []),
    ],
)
async def test_filters_and_orders(shop: Shop, query: str, found: list[int]) -> None:
    """Repeated filters are combined by AND; deleted items need an explicit filter."""
    ids = (await make_items(shop, 7))[::-1]
    await shop.post(f"/items/{ids[2]}", {"hidden": True})
    await shop.post(f"/items/{ids[1]}", {"code": "CODE-1"})
    await shop.post(f"/item_stocks/{ids[5]}", {"quantity": 0.75})
    await shop.call("DELETE", f"/items/{ids[6]}")

    assert [ids.index(each["id"]) for each in (await shop.get(f"/items?{query}"))["elements"]] == found


async def test_modified_time_finds_later_changes(clover: Clover, shop: Shop) -> None:
    """Results are in the order of change and include the given second."""
    ids = await make_items(shop, 3)
    clover.sandbox.world.clock.advance(10)
    changed = await shop.post(f"/items/{ids[1]}", {"price": 9})
    found = await shop.get(f"/items?filter=modifiedTime>={changed['modifiedTime']}&orderBy=modifiedTime ASC")

    assert [each["id"] for each in found["elements"]] == [ids[1]]
    assert (await shop.get(f"/items?filter=modifiedTime>{changed['modifiedTime']}"))["elements"] == []


async def test_the_href_echoes_filters_and_limit(shop: Shop) -> None:
    """The href has neither offset nor expand, as recorded."""
    page = await shop.get("/items?filter=sku=A&limit=5&offset=2&expand=tags")

    assert page["href"].endswith("/items?filter=sku%3DA&limit=5")


async def test_an_unknown_expand_is_ignored_and_an_empty_one_shown(shop: Shop) -> None:
    """The status is 200; an expanded collection without members is an empty list."""
    await make_items(shop, 1)
    (item,) = (await shop.get("/items?expand=nonsense,tags"))["elements"]

    assert item["tags"] == {"elements": []}
    assert "nonsense" not in item


async def test_a_nested_collection_is_cut_at_a_hundred(shop: Shop) -> None:
    """The sub-resource has all elements."""
    order = await shop.post("/orders", {"state": "open"})
    for _ in range(2):
        await shop.post(f"/orders/{order['id']}/bulk_line_items", {"items": [{"name": "n", "price": 1}] * 60})
    nested = await shop.get(f"/orders/{order['id']}?expand=lineItems")

    assert len(nested["lineItems"]["elements"]) == 100
    assert len((await shop.get(f"/orders/{order['id']}/line_items?limit=1000"))["elements"]) == 120


async def test_one_forbidden_expand_fails_the_whole_call(clover: Clover) -> None:
    """A field that needs a missing permission gets a 403."""
    shop = clover.open_shop(permissions={"ORDERS_R", "MERCHANT_R"})
    reply = await shop.call("GET", "/orders?expand=lineItems,customers")

    assert (reply.status, reply.body) == (403, {"message": "Invalid permissions for expandable fields."})


async def test_null_fields_appear_only_on_request(shop: Shop) -> None:
    """By default, empty fields are absent."""
    item = await shop.post("/items", {"name": "A", "price": 1, "sku": "X"})
    cleared = await shop.post(f"/items/{item['id']}", {"sku": None})

    assert "sku" not in cleared
    assert (await shop.get(f"/items/{item['id']}?return_null_fields=true"))["sku"] is None


async def test_nulls_may_be_everywhere(clover: Clover, shop: Shop) -> None:
    """A switch makes empty fields null in items, counts, orders and lines."""
    clover.sandbox.switches.set({"null_fields": "null"})
    item = await shop.post("/items", {"name": "A", "price": 1})
    order = await shop.post("/orders", {})
    line = await shop.post(f"/orders/{order['id']}/line_items", {"item": {"id": item["id"]}})
    shown = await shop.get(f"/orders/{order['id']}?expand=lineItems,payments")

    assert (item["sku"], item["price"], (await shop.get("/items"))["elements"][0]["code"]) == (None, 1, None)
    assert (order["state"], order["total"], order["externalReferenceId"], order["paymentState"]) == (None,) * 4
    assert (line["unitQty"], shown["lineItems"]["elements"][0]["note"], shown["state"]) == (None, None, "open")
    assert (await shop.get(f"/item_stocks/{item['id']}"))["quantity"] is None


@pytest.mark.parametrize(
    ("mode", "statuses", "found"),
    [
        ("none", [200, 200], [1, 0]),
        ("1000", [200, 200], [2, 2]),
        ("1000_ends", [200, 200], [0, 0]),
        ("1000_refused", [400, 400], []),
    ],
)
async def test_how_deep_lists_go_is_a_switch(
    clover: Clover, shop: Shop, mode: str, statuses: list[int], found: list[int]
) -> None:
    """Beyond offset 1000 a list continues, repeats a page, is empty, or gets a 400."""
    await make_items(shop, 1002)
    clover.sandbox.switches.set({"offset_cap": mode})
    deep = [await shop.call("GET", f"/items?limit=1000&offset={offset}") for offset in (1001, 2001)]

    assert len((await shop.get("/items?offset=1000"))["elements"]) == 2
    assert [each.status for each in deep] == statuses
    assert [len(each.body["elements"]) for each in deep if each.status == 200] == found


@pytest.mark.parametrize(("mode", "status"), [("404", 404), ("shown", 200)])
async def test_a_deleted_object_by_its_id_is_a_switch(clover: Clover, shop: Shop, mode: str, status: int) -> None:
    """The answer is 404 or the object with its deletion time; writes fail in both modes."""
    clover.sandbox.switches.set({"deleted_by_id": mode})
    item = f"/items/{(await shop.post('/items', {'name': 'A', 'price': 1}))['id']}"
    order = f"/orders/{(await shop.post('/orders', {}))['id']}"
    for path in (item, order):
        await shop.call("DELETE", path)
    read, marks = [await shop.call("GET", path) for path in (item, order)], ("deleted", "deletedTimestamp")

    assert [each.status for each in read] == [status, status]
    assert [bool(each.body.get(mark)) for each, mark in zip(read, marks, strict=True)] == [status == 200] * 2
    assert [(await shop.call("POST", path, {})).status for path in (item, order)] == [404, 404]


async def test_a_token_is_limited_to_its_merchant_and_permissions(clover: Clover, shop: Shop) -> None:
    """A bad token, a foreign merchant and a missing permission get the same answer."""
    other = clover.open_shop(permissions={"MERCHANT_R"})
    stranger = Shop(shop.merchant, other.token, shop.url, shop.http)
    anonymous = Shop(shop.merchant, "wrong", shop.url, shop.http)
    replies = [await anonymous.call("GET", "/items"), await stranger.call("GET", ""), await other.call("GET", "/items")]

    assert [(each.status, each.body) for each in replies] == [(401, {"message": "401 Unauthorized"})] * 3


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "Bearer", "Bearer  "])
async def test_a_token_needs_the_bearer_scheme(shop: Shop, scheme: str) -> None:
    """Other schemes are refused."""
    assert (await shop.call("GET", "/items", Authorization=f"{scheme}{shop.token}")).status == 401


async def test_a_misspelled_path_is_404_even_without_a_token(shop: Shop) -> None:
    """An existing path without a token gets a 401."""
    anonymous = Shop(shop.merchant, "", shop.url, shop.http)

    assert [(await anonymous.call("GET", path)).status for path in ("/itemz", "/items")] == [404, 401]


@pytest.mark.parametrize(("mode", "status"), [("400", 400), ("401", 401), ("403", 403), ("not_checked", 200)])
async def test_a_user_agent_is_mandatory(clover: Clover, shop: Shop, mode: str, status: int) -> None:
    """The status without it is not documented and set by a switch."""
    clover.sandbox.switches.set({"user_agent": mode})

    assert (await shop.call("GET", "/items", **{"User-Agent": ""})).status == status
    async with clover.http.post(f"{clover.url}/oauth/v2/token", json={}, headers={"User-Agent": ""}) as answer:
        assert answer.status == (401 if mode == "not_checked" else status)


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b"\xff\xfe", b'{"name": NaN}', b"[" * 100_000])
async def test_a_body_that_is_not_an_object_is_400(shop: Shop, raw: bytes) -> None:
    """Lists, texts and numbers are refused."""
    url = f"{shop.url}/v3/merchants/{shop.merchant.id}/items"
    async with shop.http.post(url, data=raw, headers={"Authorization": f"Bearer {shop.token}"}) as answer:
        assert answer.status == 400


async def test_the_links_of_the_merchant_work(shop: Shop) -> None:
    """Each link is answered, also the owner's, but that to all shifts: clients find them below employees only."""
    profile = await shop.get("")
    links = [value["href"] for value in profile.values() if isinstance(value, dict)]
    found = [await shop.call("GET", link.rpartition(shop.merchant.id + "/")[2].join(("/", ""))) for link in links]

    assert len(links) == 13
    assert [link.rpartition("/")[2] for link, each in zip(links, found, strict=True) if each.status != 200] == [
        "shifts"
    ]


async def test_employees_are_expanded_with_their_permission(clover: Clover, shop: Shop) -> None:
    """The call without it gets a 403."""
    blind = clover.open_shop(permissions={"MERCHANT_R"})

    assert [each["isOwner"] for each in (await shop.get("?expand=employees"))["employees"]["elements"]] == [True]
    assert (await blind.call("GET", "?expand=employees")).status == 403


@pytest.mark.parametrize(
    ("path", "allow"), [("/items", "GET, POST, DELETE, OPTIONS"), ("/items/X/tax_rates", "OPTIONS")]
)
async def test_options_lists_the_methods_of_a_path(shop: Shop, path: str, allow: str) -> None:
    """An unknown path gets a 404."""
    reply = await shop.call("OPTIONS", path)

    assert (reply.status, reply.body, reply.headers["Allow"]) == (200, "", allow)
    assert (await shop.call("OPTIONS", "/nonsense")).status == 404


async def test_the_merchant_shows_links_and_expands_on_request(shop: Shop) -> None:
    """Its properties hold currency, time zone and stock settings."""
    plain, full = await shop.get(""), await shop.get("?expand=address,properties,owner")

    assert set(plain["address"]) == set(plain["tenders"]) == {"href"}
    assert full["address"] == await shop.get("/address")
    assert full["owner"]["email"] == plain["customerContactEmail"]
    assert full["properties"]["timezone"] == "America/New_York"
    assert (await shop.post("/properties", {"updateStock": False}))["updateStock"] is False
