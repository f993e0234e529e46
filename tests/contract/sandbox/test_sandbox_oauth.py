"""OAuth v2: codes, access tokens, single-use refresh tokens, recovery."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.clover import Clover, Reply, Shop

BACK = "https://quicksync.example/oauth/clover/callback"


async def authorize(clover: Clover, **query: str) -> Reply:
    given = {"client_id": clover.sandbox.world.app.id, "redirect_uri": BACK, **query}
    async with clover.http.get(f"{clover.url}/oauth/v2/authorize", params=given, allow_redirects=False) as answer:
        return Reply(answer.status, answer.headers.copy(), await answer.text())


async def post(clover: Clover, path: str, **body: Any) -> Reply:
    given = {"client_id": clover.sandbox.world.app.id, **body}
    async with clover.http.post(f"{clover.url}/oauth/v2/{path}", json=given) as answer:
        return Reply(answer.status, answer.headers.copy(), await answer.json())


def returned(reply: Reply) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}


async def connect(clover: Clover, shop: Shop) -> dict[str, Any]:
    """Return the token answer for a merchant that approved the app."""
    code = returned(await authorize(clover, merchant_id=shop.merchant.id))["code"]
    reply = await post(clover, "token", client_secret=clover.sandbox.world.app.secret, code=code)
    assert reply.status == 200
    return dict(reply.body)


async def works(shop: Shop, token: str) -> bool:
    return (await Shop(shop.merchant, token, shop.url, shop.http).call("GET", "")).status == 200


async def test_the_redirect_carries_merchant_code_and_state(clover: Clover, shop: Shop) -> None:
    """The state is unchanged."""
    back = returned(await authorize(clover, merchant_id=shop.merchant.id, state="a b&c"))

    assert (back["merchant_id"], back["client_id"], back["state"]) == (
        shop.merchant.id,
        clover.sandbox.world.app.id,
        "a b&c",
    )
    assert back["code"]


async def test_without_a_merchant_one_can_be_chosen(clover: Clover, shop: Shop) -> None:
    """The page has a link per merchant."""
    page = await authorize(clover)

    assert page.status == 200
    assert shop.merchant.id in page.body


async def test_a_code_gives_tokens_that_expire(clover: Clover, shop: Shop) -> None:
    """They last half an hour and a year, in Unix seconds, and the answer has no merchant id."""
    pair = await connect(clover, shop)
    now = clover.sandbox.world.clock.now()

    assert set(pair) == {"access_token", "access_token_expiration", "refresh_token", "refresh_token_expiration"}
    assert 1790 < pair["access_token_expiration"] - now <= 1800
    assert await works(shop, pair["access_token"])
    clover.sandbox.world.clock.advance(1801)
    assert not await works(shop, pair["access_token"])


async def test_a_code_works_once_and_not_for_long(clover: Clover, shop: Shop) -> None:
    """A code that is used or older than ten minutes gets Clover's error text."""
    code = returned(await authorize(clover, merchant_id=shop.merchant.id))["code"]
    secret = clover.sandbox.world.app.secret
    assert (await post(clover, "token", client_secret="wrong", code="x")).status == 400
    assert (await post(clover, "token", client_secret=secret, code=code)).status == 200

    again = await post(clover, "token", client_secret=secret, code=code)
    assert (again.status, again.body["message"]) == (400, "Failed to validate authentication code")


async def test_a_wrong_secret_does_not_use_up_the_code(clover: Clover, shop: Shop) -> None:
    """The right secret still works."""
    code = returned(await authorize(clover, merchant_id=shop.merchant.id))["code"]
    secrets = ("wrong", clover.sandbox.world.app.secret)

    assert [(await post(clover, "token", client_secret=each, code=code)).status for each in secrets] == [401, 200]


async def test_a_challenged_code_needs_its_verifier(clover: Clover, shop: Shop) -> None:
    """The secret does not replace the verifier."""
    code = returned(await authorize(clover, merchant_id=shop.merchant.id, code_challenge="abc"))["code"]

    assert (await post(clover, "token", client_secret=clover.sandbox.world.app.secret, code=code)).status == 400


@pytest.mark.parametrize(("verifier", "status"), [("right", 200), ("wrong", 400)])
async def test_pkce_needs_no_secret(clover: Clover, shop: Shop, verifier: str, status: int) -> None:
    """The verifier must hash to the challenge."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"right").digest()).rstrip(b"=").decode()
    code = returned(await authorize(clover, merchant_id=shop.merchant.id, code_challenge=challenge))["code"]

    assert (await post(clover, "token", code=code, code_verifier=verifier)).status == status


async def test_a_form_is_415(clover: Clover) -> None:
    """Bodies are JSON only."""
    async with clover.http.post(f"{clover.url}/oauth/v2/token", data={"code": "x"}) as answer:
        assert answer.status == 415


async def test_a_refresh_token_works_once(clover: Clover, shop: Shop) -> None:
    """The second use gets a 401; the pair from the first use still works."""
    pair = await connect(clover, shop)
    first = await post(clover, "refresh", refresh_token=pair["refresh_token"])
    second = await post(clover, "refresh", refresh_token=pair["refresh_token"])

    assert (first.status, second.status, second.body["message"]) == (200, 401, "Invalid refresh token")
    assert await works(shop, first.body["access_token"])
    assert (await post(clover, "refresh", refresh_token=first.body["refresh_token"])).status == 200


async def test_a_reused_refresh_token_may_revoke_all_tokens(clover: Clover, shop: Shop) -> None:
    """A switch makes the second use revoke the pair from the first."""
    clover.sandbox.switches.set({"refresh_reuse": "revoke_all"})
    pair = await connect(clover, shop)
    fresh = (await post(clover, "refresh", refresh_token=pair["refresh_token"])).body
    await post(clover, "refresh", refresh_token=pair["refresh_token"])

    assert not await works(shop, fresh["access_token"])
    assert (await post(clover, "refresh", refresh_token=fresh["refresh_token"])).status == 401


@pytest.mark.parametrize("days", [1, 15])
async def test_a_lost_answer_can_be_recovered_for_two_weeks(clover: Clover, shop: Shop, days: int) -> None:
    """The failed refresh offers recovery, and the used token is accepted for it."""
    pair = await connect(clover, shop)
    clover.fail("apply_then_drop", path="/oauth/v2/refresh", times=1)
    with pytest.raises(Exception, match="disconnected"):
        await post(clover, "refresh", refresh_token=pair["refresh_token"])
    clover.sandbox.world.clock.advance(days * 24 * 3600)
    refused = await post(clover, "refresh", refresh_token=pair["refresh_token"])
    secret = clover.sandbox.world.app.secret
    recovered = await post(clover, "recovery", client_secret=secret, recovery_token=pair["refresh_token"])

    assert (refused.headers.get("X-Clover-Recovery-Available"), recovered.status) == (
        ("true", 200) if days == 1 else (None, 401)
    )


@pytest.mark.parametrize(("mode", "statuses"), [("offered", [200, 401]), ("absent", [404, 404])])
async def test_a_spent_token_recovers_once_or_never(clover: Clover, shop: Shop, mode: str, statuses: list[int]) -> None:
    """Without recovery its path gets a 404."""
    clover.sandbox.switches.set({"refresh_recovery": mode})
    spent = (await connect(clover, shop))["refresh_token"]
    await post(clover, "refresh", refresh_token=spent)
    body = {"client_secret": clover.sandbox.world.app.secret, "recovery_token": spent}

    assert [(await post(clover, "recovery", **body)).status for _ in statuses] == statuses


async def test_recovery_may_work_without_being_offered_and_again(clover: Clover, shop: Shop) -> None:
    """Two switches: no header is sent, and a spent token recovers as often as it is tried."""
    clover.sandbox.switches.set({"refresh_recovery": "unannounced", "recovery_again": "works"})
    spent = (await connect(clover, shop))["refresh_token"]
    await post(clover, "refresh", refresh_token=spent)
    refused = await post(clover, "refresh", refresh_token=spent)
    body = {"client_secret": clover.sandbox.world.app.secret, "recovery_token": spent}

    assert (refused.status, "X-Clover-Recovery-Available" in refused.headers) == (401, False)
    assert [(await post(clover, "recovery", **body)).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(("mode", "still_works"), [("no", True), ("yes", False)])
async def test_a_refresh_may_end_the_access_token_before(
    clover: Clover, shop: Shop, mode: str, *, still_works: bool
) -> None:
    """A switch says whether it lasts until it expires; the merchant's test token always does."""
    clover.sandbox.switches.set({"refresh_ends_access": mode})
    pair = await connect(clover, shop)
    await post(clover, "refresh", refresh_token=pair["refresh_token"])

    assert await works(shop, pair["access_token"]) is still_works
    assert await works(shop, shop.token)


@pytest.mark.parametrize(("mode", "first", "second"), [("1", 401, 200), ("10", 200, 200), ("unlimited", 200, 200)])
async def test_live_refresh_tokens_are_limited(clover: Clover, shop: Shop, mode: str, first: int, second: int) -> None:
    """The oldest stops working when one too many is issued."""
    clover.sandbox.switches.set({"live_refresh_tokens": mode})
    pairs = [await connect(clover, shop) for _ in range(2)]

    statuses = [(await post(clover, "refresh", refresh_token=each["refresh_token"])).status for each in pairs]
    assert statuses == [first, second]


async def test_lifetimes_can_be_set(clover: Clover, shop: Shop) -> None:
    """Tokens issued from then on have them; an unknown name is refused."""
    set_to = await clover.control("PATCH", "/oauth", {"access_seconds": 4, "refresh_seconds": 9})
    pair = await connect(clover, shop)
    now = clover.sandbox.world.clock.now()

    assert set_to.body == {"access_seconds": 4, "refresh_seconds": 9}
    assert 2 < pair["access_token_expiration"] - now <= 4
    assert 7 < pair["refresh_token_expiration"] - now <= 9
    assert (await clover.control("PATCH", "/oauth", {"seconds": 4})).status == 400


async def test_uninstalling_ends_all_tokens(clover: Clover, shop: Shop) -> None:
    """This includes test and refresh tokens; a new installation gives a new token."""
    pair = await connect(clover, shop)
    await clover.control("POST", f"/merchants/{shop.merchant.id}/till/uninstall_app")
    refreshed = await post(clover, "refresh", refresh_token=pair["refresh_token"])

    assert [await works(shop, each) for each in (shop.token, pair["access_token"])] == [False, False]
    assert refreshed.status == 401
    again = await clover.control("POST", f"/merchants/{shop.merchant.id}/till/install_app")
    assert await works(shop, again.body["token"])


@pytest.mark.parametrize("target", ["javascript:alert(1)", "http://[x", f"{BACK}?a=\r\nSet-Cookie: a=b", ""])
async def test_redirects_go_to_the_apps_site_only(clover: Clover, shop: Shop, target: str) -> None:
    """Other schemes, invalid addresses and other clients are refused."""
    assert (await authorize(clover, redirect_uri=target, merchant_id=shop.merchant.id)).status == 400
    assert (await authorize(clover, client_id="OTHER", merchant_id=shop.merchant.id)).status == 401
