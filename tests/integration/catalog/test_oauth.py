"""Connecting by OAuth: start, Clover's page, and the way back, which is refused unless we began it."""

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from tests.integration.catalog.browsers import ACCOUNT, Browser, asked, begin
from tests.integration.catalog.conftest import EMAIL, Catalog

from catalog.api import connecting
from catalog.sealing import Secret, open_sealed
from common.contracts.catalog import MerchantConnected


@pytest.fixture
def browser(catalog: Catalog) -> Browser:
    return Browser(catalog)


def back(**query: str) -> str:
    return f"https://quicksync.example/oauth/clover/callback?{urlencode(query)}"


async def connections(catalog: Catalog) -> list[Any]:
    return await catalog.fetch("SELECT * FROM connection")


async def test_a_person_connects_a_merchant_on_clovers_page(catalog: Catalog, browser: Browser) -> None:
    """The merchant is connected to the account that began it, and the page names both."""
    shop = catalog.shop()
    page = await browser.allow(await begin(catalog, shop))
    assert page.status == 200
    assert "Clover is connected" in page.text
    assert f"o…@{EMAIL.partition('@')[2]}" in page.text
    status, body = await catalog.call("GET", f"/v1/merchants/{shop.id}")
    assert (status, body["account_id"], body["currency"]) == (200, "acc-1", "USD")
    [event] = await catalog.emitted(MerchantConnected)
    assert (event.merchant_id, event.region) == (shop.id, "us")
    await catalog.put(shop)
    assert await catalog.synced_on_retry(shop)  # after all items were read


async def test_the_merchant_is_chosen_in_clover(catalog: Catalog, browser: Browser) -> None:
    """Without a merchant Clover shows a page to choose one, and the redirect says which."""
    shop = catalog.shop()
    url = await begin(catalog)
    page = await browser.get(url)
    assert shop.id in page.text
    assert (await browser.allow(f"{url}&merchant_id={shop.id}")).status == 200
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[0] == 200


async def test_tokens_are_sealed_and_never_shown(catalog: Catalog, browser: Browser) -> None:
    """Both tokens, the state, and the address are in no row in clear; each opens for its own purpose alone."""
    shop = catalog.shop()
    url = await begin(catalog, shop)
    states = await catalog.fetch("SELECT * FROM oauth_state")
    page = await browser.allow(url)
    [row] = await connections(catalog)
    refresh = next(iter(catalog.clover.oauth.refreshes))
    sealer = catalog.service.deps.sealer
    assert open_sealed(sealer, Secret.REFRESH_TOKEN, shop.id, row["sealed_refresh_token"]) == refresh
    access = open_sealed(sealer, Secret.TOKEN, shop.id, row["sealed_token"])
    assert access in catalog.clover.world.tokens
    events = await catalog.fetch("SELECT convert_from(body, 'UTF8') FROM outbox")
    seen = f"{states} {row} {events} {page.text}"
    assert not any(secret in seen for secret in (refresh, access, asked(url)["state"], EMAIL))


async def test_a_state_whose_master_key_was_taken_away_is_over(catalog: Catalog, browser: Browser) -> None:
    """Keys may be rotated while a person is at Clover: a page asks to begin again."""
    url = await begin(catalog, catalog.shop())
    await catalog.fetch("UPDATE oauth_state SET sealed_email = 'of another key'")
    page = await browser.allow(url)
    assert (page.status, "for fifteen minutes" in page.text) == (400, True)
    assert not await connections(catalog)


async def test_expirations_are_unix_seconds(catalog: Catalog, browser: Browser) -> None:
    """The token expires in half an hour, and is refreshed after 70 to 80 % of it."""
    await browser.allow(await begin(catalog, catalog.shop()))
    [row] = await connections(catalog)
    now = catalog.clock.now()
    assert 1700 < (row["token_expires_at"] - now).total_seconds() <= 1800
    assert 1200 < (row["refresh_at"] - now).total_seconds() <= 1440


@pytest.mark.parametrize("state", ["", "forged", "x" * 5000, "\udcff"])
async def test_a_forged_state_is_refused(catalog: Catalog, browser: Browser, state: str) -> None:
    """A code with a state that we did not make connects nothing, and Clover is not asked."""
    shop = catalog.shop()
    page = await browser.get(
        f"https://quicksync.example/oauth/clover/callback?merchant_id={shop.id}&code=c&"
        + urlencode({"state": state}, errors="surrogateescape")
    )
    assert (page.status, "can&#x27;t be used any more" in page.text) == (400, True)
    assert not await connections(catalog)
    assert not [entry for entry in catalog.clover.journal.since(0) if "token" in entry.path]


async def test_an_old_state_is_refused(catalog: Catalog, browser: Browser) -> None:
    """After a quarter of an hour the way back is closed; a new start opens another."""
    shop = catalog.shop()
    returning = await browser.get(await begin(catalog, shop))
    catalog.clock.advance(16 * 60)
    assert (await browser.get(returning.location)).status == 400
    assert not await connections(catalog)
    assert (await browser.allow(await begin(catalog, shop))).status == 200


async def test_a_state_works_once(catalog: Catalog, browser: Browser) -> None:
    """Loading the address again, or using the state with another code, connects nothing."""
    shop, other = catalog.shop(), catalog.shop()
    url = await begin(catalog)
    returning = await browser.get(f"{url}&merchant_id={shop.id}")
    assert (await browser.get(returning.location)).status == 200
    assert (await browser.get(returning.location)).status == 400
    assert (await browser.allow(f"{url}&merchant_id={other.id}")).status == 400
    assert len(await connections(catalog)) == 1


async def test_another_merchant_than_the_wanted_is_refused(catalog: Catalog, browser: Browser) -> None:
    """A state for one merchant connects no other one, and a caller's token only the merchants it covers."""
    wanted, other = catalog.shop(), catalog.shop()
    page = await browser.allow((await begin(catalog, wanted)).replace(wanted.id, other.id))
    assert (page.status, "different Clover store" in page.text) == (403, True)
    query = f"/oauth/clover/start?{urlencode(ACCOUNT)}"
    _, answer = await catalog.call("GET", query, merchants=[wanted.id])
    assert (await browser.allow(f"{answer['authorize_url']}&merchant_id={other.id}")).status == 403
    assert not await connections(catalog)


async def test_a_merchant_of_another_account_is_refused(catalog: Catalog, browser: Browser) -> None:
    """A state of one account does not take over the merchant of another, and the page says what to do."""
    shop = await catalog.connected()
    page = await browser.allow(await begin(catalog, shop, account_id="acc-2"))
    assert (page.status, "belongs to another QuickSync account" in page.text) == (409, True)
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["account_id"] == "acc-1"


async def test_a_code_of_another_merchant_is_refused(catalog: Catalog, browser: Browser) -> None:
    """The answer with the tokens names no merchant: the token is tried on the one of the redirect."""
    shop, other = catalog.shop(), catalog.shop()
    url = await begin(catalog)
    returning = asked((await browser.get(f"{url}&merchant_id={other.id}")).location)
    page = await browser.get(back(**returning | {"merchant_id": shop.id}))
    assert (page.status, "accept the sign-in" in page.text) == (422, True)
    assert not await connections(catalog)


@pytest.mark.parametrize("query", [{"error": "access_denied"}, {}])
async def test_a_person_who_says_no_is_not_connected(catalog: Catalog, browser: Browser, query: dict[str, str]) -> None:
    """Clover sends the person back without a code."""
    state = asked(await begin(catalog, catalog.shop()))["state"]
    page = await browser.get(back(state=state, **query))
    assert (page.status, "connected, so" not in page.text) == (400, True)
    assert not await connections(catalog)


@pytest.mark.parametrize("fault", ["drop_before_apply", "apply_then_drop", "fail_before", "malformed"])
async def test_a_failing_clover_is_not_blamed_on_the_person(catalog: Catalog, browser: Browser, fault: str) -> None:
    """The page says that Clover does not respond; nothing is stored, and a new start works."""
    shop = catalog.shop()
    catalog.clover.faults.add({"kind": fault, "path": "/oauth/v2/token", "times": 1})
    page = await browser.allow(await begin(catalog, shop))
    assert (page.status, "responding" in page.text) == (503, True)
    assert not await connections(catalog)
    assert (await browser.allow(await begin(catalog, shop))).status == 200


async def test_a_hanging_clover_does_not_hold_the_person(
    catalog: Catalog, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange has a time limit."""
    monkeypatch.setattr(connecting, "CLOVER_SECONDS", 0.2)
    catalog.clover.faults.add({"kind": "delay", "ms": 30_000, "path": "/oauth/v2/token", "times": 1})
    assert (await browser.allow(await begin(catalog, catalog.shop()))).status == 503


@pytest.mark.parametrize(
    ("changes", "claims", "status"),
    [
        ({"account_email": "nonsense"}, {}, 422),
        ({"region": "mars"}, {}, 422),
        ({"merchant_id": "short"}, {}, 422),
        ({"merchant_id": "0000000000000"}, {"merchants": ["1111111111111"]}, 403),
        ({}, {"scope": "merchants:read"}, 403),
    ],
)
async def test_a_wrong_start_is_refused(
    catalog: Catalog, changes: dict[str, str], claims: dict[str, Any], status: int
) -> None:
    """Each field is checked, and the caller's rights."""
    answer = await catalog.call("GET", f"/oauth/clover/start?{urlencode(ACCOUNT | changes)}", **claims)
    assert answer[0] == status, answer


async def test_the_api_takes_a_code(catalog: Catalog, browser: Browser) -> None:
    """QuickSync's own site may receive the browser itself and hand over the code, once."""
    shop = catalog.shop()
    code = asked((await browser.get(await begin(catalog, shop))).location)["code"]
    wanted = {"merchant_id": shop.id, **ACCOUNT, "oauth_code": code}
    status, body = await catalog.call("POST", "/v1/merchants", wanted)
    assert (status, body["merchant_id"]) == (201, shop.id)
    status, body = await catalog.call("POST", "/v1/merchants", wanted)
    assert (status, [each["field"] for each in body["errors"]]) == (422, ["oauth_code"])


@pytest.mark.parametrize("credentials", [{}, {"api_token": "a", "oauth_code": "b"}])
async def test_one_credential_is_needed(catalog: Catalog, credentials: dict[str, str]) -> None:
    """Neither of token and code, or both, is refused before Clover is called."""
    status, _ = await catalog.call("POST", "/v1/merchants", {"merchant_id": "0" * 13, **ACCOUNT, **credentials})
    assert status == 422
    assert not catalog.calls()


class TestWithoutASecret:
    """An app without a secret proves itself by PKCE."""

    @pytest.fixture
    def changed(self) -> dict[str, Any]:
        return {"clover_app_secret": None}

    async def test_the_code_is_bound_to_the_verifier(self, catalog: Catalog, browser: Browser) -> None:
        """The challenge goes with the browser, the verifier with the exchange."""
        url = await begin(catalog, catalog.shop())
        [row] = await catalog.fetch("SELECT state_hash, sealed_verifier FROM oauth_state")
        sealer = catalog.service.deps.sealer
        verifier = open_sealed(sealer, Secret.OAUTH_VERIFIER, row["state_hash"].hex(), row["sealed_verifier"])
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        assert asked(url)["code_challenge"] == digest
        assert (await browser.allow(url)).status == 200


class TestAppsByRegion:
    """Each region has an app of its own, and redirects of its own."""

    @pytest.fixture
    def changed(self) -> dict[str, Any]:
        own = {"id": "EUAPP", "secret": SecretStr("s"), "redirect_url": "https://eu.example/back"}
        return {"clover_app_id": "", "clover_apps": {"eu": own}}

    async def test_the_app_of_the_region_is_asked_for(self, catalog: Catalog) -> None:
        """A region without an app takes API tokens only."""
        query = asked(await begin(catalog, region="eu"))
        assert (query["client_id"], query["redirect_uri"]) == ("EUAPP", "https://eu.example/back")
        status, body = await catalog.call("GET", f"/oauth/clover/start?{urlencode(ACCOUNT)}")
        assert (status, [each["field"] for each in body["errors"]]) == (422, ["region"])
