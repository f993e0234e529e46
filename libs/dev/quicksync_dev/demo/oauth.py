"""The step of the story in which a person connects a store on Clover's page, and its token expires."""

import html
import re
from http import HTTPStatus
from urllib.parse import urlencode, urljoin

from quicksync_dev.demo.checks import OWNER
from quicksync_dev.demo.world import World, expect, until

TOKEN_SECONDS = 12
"""The life of a token in this step; Clover's live half an hour."""

USUAL_SECONDS = 1800


async def connect_on_clovers_page(world: World) -> None:
    """A person connects a store on Clover's page. Its token expires, and the sync continues with the next one."""
    made = await world.clover("POST", "/merchants", {"region": "us", "name": "Corner Shop"})
    await world.clover("PATCH", "/oauth", {"access_seconds": TOKEN_SECONDS})
    page = await _allow(world, made["id"])
    await world.clover("PATCH", "/oauth", {"access_seconds": USUAL_SECONDS})
    expect("Clover is connected" in page, f"the page after Clover's says: {page}")
    shown = await world.done("GET", f"/v1/merchants/{made['id']}")
    expect(shown["access"] == "oauth", f"the store is connected by {shown['access']}")
    world.progress(f"{shown['name']} is connected: a click on Clover's page, no token to copy")

    await _send(world, made["id"], 100)
    _, took = await until(lambda: _refreshed(world), "the token was not refreshed")
    await _send(world, made["id"], 150)
    _, arrived = await until(lambda: _has_price(world, made["id"], 150), "the product did not reach Clover")
    shown = await world.done("GET", f"/v1/merchants/{made['id']}")
    expect(shown["access_lost_at"] is None, "the access is lost")
    world.progress(
        f"the token of {TOKEN_SECONDS} s was exchanged after {took:.1f} s; a change arrived with the next one"
    )
    world.progress(f"({arrived:.2f} s from the change to Clover)")


async def _allow(world: World, merchant_id: str) -> str:
    """Go to Clover as QuickSync's site sends a person, choose the store, and return the page at the end."""
    account = urlencode({"account_id": "demo", "account_email": OWNER, "region": "us"})
    started = await world.done("GET", f"/oauth/clover/start?{account}")
    async with world.session.get(started["authorize_url"]) as answer:
        links = [html.unescape(each) for each in re.findall(r'href="([^"]+)"', await answer.text())]
    [link] = [each for each in links if merchant_id in each]
    async with world.session.get(urljoin(started["authorize_url"], link)) as answer:
        expect(answer.status == HTTPStatus.OK, f"the way back from Clover answered {answer.status}")
        return await answer.text()


async def _send(world: World, merchant_id: str, price: int) -> None:
    product = {"name": "Lemonade", "sku": "LEMONADE", "status": "active", "price": price, "currency": "USD"}
    await world.done("PUT", f"/v1/merchants/{merchant_id}/products/lemonade", product)


async def _refreshed(world: World) -> bool:
    seen = await world.clover("GET", "/requests?path=/oauth/v2/refresh")
    return any(each["status"] == HTTPStatus.OK for each in seen["requests"])


async def _has_price(world: World, merchant_id: str, price: int) -> bool:
    truth = await world.clover("GET", f"/merchants/{merchant_id}")
    return any((each.get("sku"), each["price"]) == ("LEMONADE", price) for each in truth["items"])
