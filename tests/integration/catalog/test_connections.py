"""Connecting a merchant: the token is checked against Clover and encrypted, and the connect can be repeated."""

import pytest
from tests.integration.catalog.conftest import EMAIL, Catalog
from tests.support.logs import collected

from catalog.api import connecting
from catalog.sealing import Secret, open_sealed
from common.contracts.catalog import ContactChanged, MerchantConnected, MerchantDisconnected
from common.contracts.problems import Code, ProblemClosed


async def test_connecting_reads_the_merchant_from_clover(catalog: Catalog) -> None:
    """The answer and the event carry currency and time zone from Clover."""
    shop = catalog.shop("us")
    status, body = await catalog.connect(shop)
    assert status == 201
    assert (body["currency"], body["region"], body["account_id"]) == ("USD", "us", "acc-1")
    assert body["name"]
    [event] = await catalog.emitted(MerchantConnected)
    assert (event.merchant_id, event.region, event.timezone) == (shop.id, "us", body["timezone"])
    assert await catalog.call("GET", f"/v1/merchants/{shop.id}") == (200, body)


async def test_a_merchant_of_clovers_sandbox_region_is_connected(catalog: Catalog) -> None:
    """Region `sandbox` counts as Europe for customer details."""
    shop = catalog.shop("us")
    status, body = await catalog.connect(shop, region="sandbox")
    assert (status, body["region"]) == (201, "sandbox")
    _, answer = await catalog.call("GET", f"/v1/merchants/{shop.id}/capabilities")
    [details] = [each for each in answer["capabilities"] if each["code"] == "customer_details"]
    assert details["supported"] is False


async def test_token_and_address_are_encrypted_and_never_shown(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    """No answer, event, log line or database row contains them in clear; both open for their merchant."""
    shop = catalog.shop()
    with collected("catalog") as logged:
        _, body = await catalog.connect(shop)
        await catalog.connect(shop, api_token="wrong-token-of-mine")
    [row] = await catalog.fetch("SELECT * FROM connection")
    events = await catalog.fetch("SELECT convert_from(body, 'UTF8') FROM outbox")
    seen = f"{body} {events} {logged.getvalue()} {capsys.readouterr()} {row}"
    assert not any(secret in seen for secret in (shop.token, EMAIL, "wrong-token-of-mine"))
    sealer = catalog.service.deps.sealer
    assert open_sealed(sealer, Secret.TOKEN, shop.id, row["sealed_token"]) == shop.token
    assert open_sealed(sealer, Secret.EMAIL, shop.id, row["sealed_email"]) == EMAIL


async def test_connecting_again_replaces_the_token(catalog: Catalog) -> None:
    """A second POST answers 200, replaces the token and publishes the connection once more."""
    shop = await catalog.connected()
    catalog.clover.world.uninstall(catalog.clover.world.merchants[shop.id])
    shop.token = catalog.clover.world.install(catalog.clover.world.merchants[shop.id])
    status, _ = await catalog.connect(shop)
    assert status == 200
    assert len(await catalog.emitted(MerchantConnected)) == 2
    holder = "00000000-0000-4000-8000-000000000001"
    asked = {"merchants": [{"merchant_id": shop.id}], "holder": holder, "service": "orders"}
    _, lent = await catalog.call("POST", "/internal/grants", asked, internal=True)
    assert [grant["access_token"] for grant in lent["grants"]] == [shop.token]


async def test_connecting_again_resumes_held_products(catalog: Catalog) -> None:
    """Products that are held because Clover refused the old token are pushed with the new one."""
    shop = await catalog.connected()
    merchant = catalog.clover.world.merchants[shop.id]
    catalog.clover.world.uninstall(merchant)
    await catalog.put(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["problem"] == Code.CONNECTION_LOST
    shop.token = catalog.clover.world.install(merchant)
    await catalog.connect(shop)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["state"] == "synced"
    assert len(catalog.items(shop)) == 1
    [closed] = await catalog.emitted(ProblemClosed)
    assert (closed.code, closed.resumed_count) == (Code.CONNECTION_LOST, 1)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"api_token": "no-token-of-theirs"}, "api_token"),
        ({"api_token": "with space"}, "api_token"),
        ({"api_token": "ünïcode"}, "api_token"),
        ({"merchant_id": "0000000000000"}, "api_token"),
        ({"merchant_id": "short"}, "merchant_id"),
        ({"region": "mars"}, "region"),
        ({"account_email": "a@b.example, c@d.example"}, "account_email"),
        ({"account_email": "a..b@example.com"}, "account_email"),
        ({"account_email": "a@b.example\r\nBcc: c@d.example"}, "account_email"),
        ({"account_id": ""}, "account_id"),
        ({"account_id": "a\x00b"}, "account_id"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_invalid_connections_are_refused(catalog: Catalog, wrong: dict[str, object], field: str) -> None:
    """A wrong token, merchant or field gets a 422 with the field and a remedy; nothing is stored."""
    status, body = await catalog.connect(catalog.shop(), **wrong)
    assert status == 422
    assert [each["field"] for each in body["errors"]] == [field]
    assert all(each["remedy"] for each in body["errors"])
    assert not await catalog.fetch("SELECT 1 FROM merchant UNION ALL SELECT 1 FROM connection")


async def test_another_account_cannot_connect_the_merchant(catalog: Catalog) -> None:
    """A connect with a valid token but another account is refused; the connection stays."""
    shop = await catalog.connected()
    status, body = await catalog.connect(shop, account_id="acc-2")
    assert (status, body["type"]) == (409, "urn:quicksync:problem:connected_elsewhere")
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[1]["account_id"] == "acc-1"


async def test_a_bearer_token_connects_only_its_merchants(catalog: Catalog) -> None:
    """A bearer token of other merchants is refused before Clover is called."""
    shop = catalog.shop()
    body = {"merchant_id": shop.id, "region": "us", "account_id": "a", "account_email": EMAIL, "api_token": shop.token}
    status, _ = await catalog.call("POST", "/v1/merchants", body, merchants=["0000000000000"])
    assert status == 403
    assert not catalog.calls()


@pytest.mark.parametrize("kind", ["drop_before_apply", "fail_before", "malformed"])
async def test_connecting_while_clover_fails_answers_503(catalog: Catalog, kind: str) -> None:
    """A failure of Clover is not blamed on the token; nothing is stored."""
    catalog.clover.faults.add({"kind": kind})
    status, _ = await catalog.connect(catalog.shop())
    assert status == 503
    assert not await catalog.fetch("SELECT 1 FROM connection")


async def test_connecting_while_clover_hangs_answers_503(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request does not wait for Clover without end: nothing is stored, and the same request succeeds later."""
    monkeypatch.setattr(connecting, "CLOVER_SECONDS", 0.2)
    catalog.clover.faults.add({"kind": "delay", "ms": 30_000, "times": 1})
    shop = catalog.shop()
    status, problem = await catalog.connect(shop)
    assert (status, problem["detail"]) == (
        503,
        "Clover did not answer in time. Nothing was stored; send the request again.",
    )
    assert not await catalog.fetch("SELECT 1 FROM connection UNION ALL SELECT 1 FROM merchant")

    monkeypatch.undo()
    assert (await catalog.connect(shop))[0] == 201


async def test_the_contact_is_for_internal_callers_only(catalog: Catalog) -> None:
    """Notifier gets the address of the account; a public bearer token does not."""
    shop = await catalog.connected("eu")
    path = f"/internal/merchants/{shop.id}/contact"
    status, body = await catalog.call("GET", path, internal=True)
    assert (status, body["account_email"], body["account_id"], body["region"]) == (200, EMAIL, "acc-1", "eu")
    assert set(body) == {"account_id", "account_email", "name", "region", "timezone", "currency"}
    assert (await catalog.call("GET", path))[0] == 401


@pytest.mark.parametrize(("region", "supported"), [("us", True), ("eu", False)])
async def test_capabilities_follow_the_region(catalog: Catalog, region: str, *, supported: bool) -> None:
    """Customer details are supported in the US and not in Europe."""
    shop = await catalog.connected(region)
    _, body = await catalog.call("GET", f"/v1/merchants/{shop.id}/capabilities")
    assert {each["code"]: each["supported"] for each in body["capabilities"]}["customer_details"] is supported


async def test_unknown_merchants_are_not_found(catalog: Catalog) -> None:
    """Every route of a merchant that is not connected answers 404."""
    for path in ("", "/capabilities", "/products", "/products/p-1"):
        assert (await catalog.call("GET", f"/v1/merchants/0000000000000{path}"))[0] == 404
    assert (await catalog.call("GET", "/internal/merchants/0000000000000/contact", internal=True))[0] == 404


async def test_disconnecting_erases_the_token_and_stops_the_work(catalog: Catalog) -> None:
    """No grant is given any more, nothing of the connection is stored, and work waits for the next connection."""
    shop = await catalog.connected()
    assert await catalog.call("DELETE", f"/v1/merchants/{shop.id}") == (204, None)
    assert not await catalog.fetch("SELECT 1 FROM connection")
    assert (await catalog.call("GET", f"/v1/merchants/{shop.id}"))[0] == 404
    for path in ("", "/contact"):
        assert (await catalog.call("GET", f"/internal/merchants/{shop.id}{path}", internal=True))[0] == 404
    await catalog.put(shop)
    catalog.clock.advance(301)
    await catalog.run_until_idle()
    assert (await catalog.product(shop))["sync"]["problem"] == Code.CONNECTION_LOST
    assert catalog.calls() == []
    assert (await catalog.connect(shop, account_id="acc-2"))[0] == 201
    assert await catalog.synced_on_retry(shop)  # after the first sync
    assert (await catalog.call("DELETE", f"/v1/merchants/{shop.id}"))[0] == 204
    assert (await catalog.call("DELETE", f"/v1/merchants/{shop.id}"))[0] == 404


async def test_only_a_token_of_the_merchant_disconnects_it(catalog: Catalog) -> None:
    """Another merchant's token, and one without the scope, are refused; the connection stays."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}"
    assert (await catalog.call("DELETE", path, merchants=["0000000000000"]))[0] == 404
    assert (await catalog.call("DELETE", path, scope="merchants:read"))[0] == 403
    assert (await catalog.call("GET", path))[0] == 200


async def test_disconnecting_is_published_and_ends_the_sweep(catalog: Catalog) -> None:
    """The event has a higher version than the connection; the next connection has a higher one still."""
    shop = await catalog.connected()
    await catalog.call("DELETE", f"/v1/merchants/{shop.id}")
    await catalog.run_until_idle()
    assert await catalog.fetch("SELECT FROM work WHERE kind = 'sweep_items'") == []
    await catalog.connect(shop)
    await catalog.run_until_idle()
    [first, second] = await catalog.emitted(MerchantConnected)
    [gone] = await catalog.emitted(MerchantDisconnected)
    assert first.version < gone.version < second.version
    assert (gone.region, gone.erase_before) == ("us", None)
    assert len(await catalog.fetch("SELECT FROM work WHERE kind = 'sweep_items'")) == 1


async def test_erasure_can_be_requested_later(catalog: Catalog) -> None:
    """Every later event of the merchant repeats the request, so that no order of events loses it."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}"
    assert (await catalog.call("DELETE", path))[0] == 204
    catalog.clock.advance(60)
    assert (await catalog.call("DELETE", f"{path}?erase=true"))[0] == 204
    requested_at = catalog.clock.now()
    catalog.clock.advance(60)
    await catalog.connect(shop)
    first, second = await catalog.emitted(MerchantDisconnected)
    connected = (await catalog.emitted(MerchantConnected))[-1]
    assert first.erase_before is None
    for event in (second, connected):
        assert event.erase_before is not None
        assert abs((event.erase_before - requested_at).total_seconds()) < 30
    assert (await catalog.call("DELETE", "/v1/merchants/0000000000000?erase=true"))[0] == 404


async def test_the_address_is_changed_without_reconnecting(catalog: Catalog) -> None:
    """The new address is sealed, and the other services hear that it changed; nothing else does."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}"
    before = (await catalog.call("GET", path))[1]
    status, answer = await catalog.call("PATCH", path, {"account_email": "new@shop.example"})
    assert (status, answer) == (200, before)
    _, contact = await catalog.call("GET", f"/internal/merchants/{shop.id}/contact", internal=True)
    assert contact["account_email"] == "new@shop.example"
    assert len(await catalog.emitted(ContactChanged)) == 1
    assert (await catalog.call("PATCH", path, {}))[0] == 200
    assert len(await catalog.emitted(ContactChanged)) == 1


async def test_a_change_of_settings_is_checked(catalog: Catalog) -> None:
    """A wrong address, an unknown field, another merchant's token and an unknown merchant are refused."""
    shop = await catalog.connected()
    path, change = f"/v1/merchants/{shop.id}", {"account_email": "new@shop.example"}
    assert (await catalog.call("PATCH", path, {"account_email": "no address"}))[0] == 422
    assert (await catalog.call("PATCH", path, {"region": "eu"}))[0] == 422
    assert (await catalog.call("PATCH", path, change, merchants=["0000000000000"]))[0] == 404
    assert (await catalog.call("PATCH", path, change, scope="merchants:read"))[0] == 403
    assert (await catalog.call("PATCH", "/v1/merchants/0000000000000", change))[0] == 404
    assert await catalog.emitted(ContactChanged) == []


async def test_settings_are_merged(catalog: Catalog) -> None:
    """Fields left out stay, null restores the default, and a disconnection keeps the choices."""
    shop = await catalog.connected()
    path = f"/v1/merchants/{shop.id}"

    async def after(settings: object) -> object:
        status, answer = await catalog.call("PATCH", path, {"settings": settings})
        assert status == 200, answer
        assert await catalog.call("GET", path) == (200, answer)
        return answer["settings"]["provoke_webhooks"]

    assert [await after(each) for each in ({"provoke_webhooks": False}, {}, None)] == [False] * 3
    await catalog.call("DELETE", path)
    assert (await catalog.connect(shop))[1]["settings"] == {"provoke_webhooks": False, "catalog_master": "quicksync"}
    assert await after({"provoke_webhooks": None}) is True
    assert await catalog.emitted(ContactChanged) == []
    for wrong in ({"provoke_webhooks": "no"}, {"surprise": 1}):
        assert (await catalog.call("PATCH", path, {"settings": wrong}))[0] == 422
