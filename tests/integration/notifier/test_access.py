"""Who sees what: sessions, forms and headers of the dashboard, scopes and merchants of the API."""

from datetime import timedelta

import pytest
from tests.integration.notifier.conftest import MERCHANT, OTHER, Notifier
from yarl import URL

PAGE = f"/dashboard/{MERCHANT}/"


async def test_the_token_leaves_the_address_bar(notifier: Notifier) -> None:
    """The link swaps its token for a cookie scripts cannot read, sent only to the dashboard, and redirects."""
    token = notifier.issuer.token()
    async with notifier.session.get(f"{notifier.url}/dashboard/login?token={token}", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/dashboard/")
        assert response.headers["Referrer-Policy"] == "no-referrer"
        cookie = response.headers["Set-Cookie"]
    for said in ("HttpOnly", "SameSite=Lax", "Path=/dashboard", "Max-Age=43200"):
        assert said in cookie
    assert token not in cookie
    [row] = await notifier.fetch("SELECT hash FROM session")
    assert row["hash"] not in cookie.encode()


async def test_a_link_followed_while_the_database_is_away_leads_to_a_page(notifier: Notifier) -> None:
    """Who signs in at a bad moment is told so in plain words."""
    await notifier.service.database.close()
    status, page = await notifier.log_in()
    await notifier.service.database.open()
    assert (status, "Back in a moment" in page) == (503, True)


async def test_an_address_without_its_last_slash_leads_on(notifier: Notifier) -> None:
    """A link that lost its slash on the way opens the store."""
    await notifier.log_in()
    status, page = await notifier.page(PAGE.rstrip("/"))
    assert (status, "Sunrise Coffee" in page) == (200, True)


@pytest.mark.parametrize("path", ["nothing", "MRCHNT0000001/nothing", "mrchnt0000001/", "X" * 121 + "/", "a%00b/"])
async def test_whatever_is_typed_leads_to_a_page(notifier: Notifier, path: str) -> None:
    """What is no address of ours is answered to people in words."""
    status, page = await notifier.page(f"/dashboard/{path}")
    assert (status, "find this page" in page) == (404, True)


async def test_one_store_opens_at_once_and_several_are_listed(notifier: Notifier) -> None:
    """With one store there is nothing to choose; with two, those in need come first."""
    assert "Sunrise Coffee" in (await notifier.log_in())[1]
    await notifier.connect(OTHER)
    await notifier.open()
    status, page = await notifier.page("/dashboard/")
    assert (status, page.count('class="card ')) == (200, 2)
    assert page.index("One thing needs your attention") < page.index("All is well")


async def test_nothing_is_called_well_while_we_hear_nothing(notifier: Notifier) -> None:
    """Without a broker the pages say that they may be behind, beside what is known to wait."""
    notifier.service.consumer.ready.clear()
    _, page = await notifier.log_in()
    assert "This page may be out of date" in page
    await notifier.connect(OTHER)
    await notifier.open()
    assert (await notifier.page("/dashboard/"))[1].count("This page may be out of date") == 1
    _, page = await notifier.page(PAGE)
    assert "One thing needs your attention" in page
    assert "so this page may be out of date" in page
    assert "All is well" not in page


@pytest.mark.parametrize("path", ["/dashboard/", PAGE, f"{PAGE}stream"])
async def test_strangers_are_asked_to_sign_in(notifier: Notifier, path: str) -> None:
    """Without a session there is a friendly page and nothing of any merchant."""
    status, page = await notifier.page(path)
    assert status == 401
    assert "You are signed out" in page
    assert "Sunrise" not in page


async def test_a_session_ends(notifier: Notifier) -> None:
    """After twelve hours the page asks to come again; so it does after signing out."""
    await notifier.log_in()
    notifier.clock.advance(timedelta(hours=12, minutes=1))
    assert (await notifier.page(PAGE))[0] == 401


async def test_signing_out_ends_the_session(notifier: Notifier) -> None:
    """The cookie of a session that was ended opens nothing, even if somebody kept it."""
    _, page = await notifier.log_in()
    kept = notifier.session.cookie_jar.filter_cookies(URL(notifier.url + PAGE))["quicksync"].value
    async with notifier.session.post(f"{notifier.url}/dashboard/logout", data={"csrf": csrf_in(page)}) as response:
        assert response.status == 200
    assert (await notifier.page(PAGE, headers={"Cookie": f"quicksync={kept}"}))[0] == 401


@pytest.mark.parametrize("path", [f"/dashboard/{OTHER}/", f"/dashboard/{OTHER}/stream", "/dashboard/NOBODY0000001/"])
async def test_other_accounts_stores_do_not_exist(notifier: Notifier, path: str) -> None:
    """A store of somebody else and one that never was look the same."""
    await notifier.connect(OTHER)
    await notifier.log_in(merchants=(MERCHANT, "NOBODY0000001"))
    status, page = await notifier.page(path)
    assert (status, "find this page" in page) == (404, True)


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "expired"])
async def test_bad_links_open_nothing(notifier: Notifier, token: str) -> None:
    """A link that is old or made up says so in plain words and sets no cookie."""
    if token == "expired":
        token = notifier.issuer.token(exp=1)
    async with notifier.session.get(f"{notifier.url}/dashboard/login", params={"token": token}) as response:
        assert response.status == 401
        assert "This link has expired" in await response.text()
        assert "Set-Cookie" not in response.headers


async def test_a_token_for_something_else_opens_nothing(notifier: Notifier) -> None:
    """A token must allow reading problems and activity."""
    status, page = await notifier.log_in(scope="orders:write")
    assert (status, "It was made for something else" in page) == (403, True)


async def test_pages_keep_to_a_strict_policy(notifier: Notifier) -> None:
    """Nothing from elsewhere, nothing inline, no frames, and no copy kept."""
    await notifier.log_in()
    async with notifier.session.get(notifier.url + PAGE) as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        page = await response.text()
    for said in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert said in policy
    assert "unsafe" not in policy
    assert "style=" not in page
    assert "https://" not in page


async def test_forms_are_taken_from_our_pages_only(notifier: Notifier) -> None:
    """A press on Check again counts with the word of the page, not without, and not from another site."""
    await notifier.open()
    _, page = await notifier.log_in()
    [problem] = await notifier.problems()
    url = f"{notifier.url}/dashboard/{MERCHANT}/problems/{problem['id']}/recheck"
    good = {"csrf": csrf_in(page)}
    for form, headers in (
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        (dict.fromkeys("abcdefghijk", "") | good, {}),
        (good, {"Sec-Fetch-Site": "cross-site"}),
        (good, {"Sec-Fetch-Site": "same-site"}),
    ):
        async with notifier.session.post(url, data=form, headers=headers) as response:
            assert response.status == 403
    assert await notifier.fetch("SELECT 1 FROM outbox") == []
    async with notifier.session.post(url, data=good, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, f"{PAGE}#again-{problem['id']}")
    assert len(await notifier.fetch("SELECT 1 FROM outbox")) == 1


async def test_pressing_twice_asks_once(notifier: Notifier) -> None:
    """The same question within seconds is not asked again, and none is asked about what is solved."""
    began = notifier.clock.now()
    await notifier.open(opened_at=began)
    [problem] = await notifier.problems()
    for _ in range(3):
        await recheck(notifier, problem["id"])
    assert len(await notifier.fetch("SELECT 1 FROM outbox")) == 1
    notifier.clock.advance(6)
    await notifier.close(opened_at=began)
    await recheck(notifier, problem["id"])
    assert len(await notifier.fetch("SELECT 1 FROM outbox")) == 1


async def recheck(notifier: Notifier, problem_id: str, merchant_id: str = MERCHANT) -> int:
    url = f"{notifier.url}/v1/merchants/{merchant_id}/problems/{problem_id}/recheck"
    async with notifier.session.post(url, headers=notifier.issuer.headers()) as response:
        return response.status


async def test_a_problem_of_another_merchant_cannot_be_rechecked(notifier: Notifier) -> None:
    """Ids guessed, borrowed or malformed are all unknown."""
    await notifier.connect(OTHER)
    await notifier.open()
    [problem] = await notifier.problems()
    assert await recheck(notifier, problem["id"], OTHER) == 404
    assert await recheck(notifier, "nonsense") == 404
    assert await recheck(notifier, "00000000-0000-7000-8000-000000000000") == 404
    assert await recheck(notifier, problem["id"]) == 202


@pytest.mark.parametrize(
    ("path", "scope"), [("problems", "problems:read"), ("activity", "activity:read"), ("stream", "activity:read")]
)
async def test_the_api_asks_for_its_scopes(notifier: Notifier, path: str, scope: str) -> None:
    """Each route has its scope; a merchant nobody connected is unknown."""
    for granted, merchant_id, status in (
        ("orders:read", MERCHANT, 403),
        (scope, OTHER, 404),
    ):
        headers = notifier.issuer.headers(granted)
        async with notifier.session.get(f"{notifier.url}/v1/merchants/{merchant_id}/{path}", headers=headers) as got:
            assert got.status == status


async def test_pages_of_problems_and_activity_follow_on(notifier: Notifier) -> None:
    """Page after page tells everything once, newest first."""
    for n in range(5):
        began = notifier.clock.now()
        await notifier.open(opened_at=began)
        await notifier.close(resumed_count=n, opened_at=began)
        notifier.clock.advance(1)
    told, path = [], f"/v1/merchants/{MERCHANT}/activity?limit=4"
    place: int | None = 0
    while place is not None:
        page = await notifier.get(path + (f"&cursor={place}" if place else ""))
        told += [each["seq"] for each in page["activity"]]
        place = page["next"]
    assert told == sorted(set(told), reverse=True)
    assert len(told) == 11
    first = await notifier.get(f"/v1/merchants/{MERCHANT}/problems?limit=3")
    rest = await notifier.get(f"/v1/merchants/{MERCHANT}/problems?limit=3&cursor={first['next']}")
    assert [each["resumed_count"] for each in first["problems"] + rest["problems"]] == [4, 3, 2, 1, 0]
    assert rest["next"] is None


async def test_assets_are_kept_and_nothing_else_is_served(notifier: Notifier) -> None:
    """The three files there are, and no way out of their folder."""
    for name, kind in (
        ("dashboard.css", "text/css"),
        ("dashboard.js", "text/javascript"),
        ("mark.svg", "image/svg+xml"),
    ):
        async with notifier.session.get(f"{notifier.url}/dashboard/static/{name}") as response:
            assert (response.status, response.content_type) == (200, kind)
            assert "immutable" in response.headers["Cache-Control"]
    for name in ("..%2fapp.py", "%2e%2e/app.py", "none.css"):
        assert (await notifier.page(URL(f"/dashboard/static/{name}", encoded=True).raw_path))[0] == 404


def csrf_in(page: str) -> str:
    return page.partition('name="csrf" value="')[2].partition('"')[0]
