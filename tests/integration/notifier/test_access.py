"""Access: sessions, forms and headers of the dashboard, scopes and merchants of the API."""

from contextlib import AsyncExitStack, suppress
from datetime import timedelta

import pytest
from tests.integration.notifier.conftest import MERCHANT, OTHER, Notifier
from yarl import URL

from common.db import database as database_module
from common.errors import Unavailable

PAGE = f"/dashboard/{MERCHANT}/"


async def test_login_moves_the_token_into_a_cookie(notifier: Notifier) -> None:
    """The link exchanges its token for a cookie that scripts cannot read and only the dashboard gets, and redirects."""
    token = notifier.issuer.token()
    async with notifier.session.get(f"{notifier.url}/dashboard/login?token={token}") as response:
        assert response.headers["Referrer-Policy"] == "no-referrer"
        form = {"csrf": csrf_in(await response.text()), "token": token}
    login = f"{notifier.url}/dashboard/login"
    async with notifier.session.post(login, data=form, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/dashboard/")
        cookie = response.headers["Set-Cookie"]
    for text in ("HttpOnly", "SameSite=Lax", "Path=/dashboard", "Max-Age=43200"):
        assert text in cookie
    assert token not in cookie
    [row] = await notifier.fetch("SELECT hash FROM session")
    assert row["hash"] not in cookie.encode()


async def test_login_without_a_database_shows_a_page(notifier: Notifier) -> None:
    """A visitor who signs in during an outage sees a page, not an error document."""
    await notifier.service.database.close()
    status, page = await notifier.log_in()
    await notifier.service.database.open()
    assert (status, "Back in a moment" in page) == (503, True)


async def test_login_while_every_connection_is_lent_shows_a_page(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visitor who signs in while the database is too busy sees the same page, never an error of ours."""
    monkeypatch.setattr(database_module, "ACQUIRE_SECONDS", 0.2)
    async with AsyncExitStack() as lent:
        with suppress(Unavailable):
            while True:
                await lent.enter_async_context(notifier.service.database.connection())
        status, page = await notifier.log_in()
    assert (status, "Back in a moment" in page) == (503, True)
    assert (await notifier.log_in())[0] == 200


async def test_a_missing_slash_redirects(notifier: Notifier) -> None:
    """A link that lost its trailing slash opens the store."""
    await notifier.log_in()
    status, page = await notifier.page(PAGE.rstrip("/"))
    assert (status, "Sunrise Coffee" in page) == (200, True)


@pytest.mark.parametrize("path", ["nothing", "MRCHNT0000001/nothing", "mrchnt0000001/", "X" * 121 + "/", "a%00b/"])
async def test_unknown_addresses_show_a_page(notifier: Notifier, path: str) -> None:
    """An address that does not exist is answered with a page."""
    status, page = await notifier.page(f"/dashboard/{path}")
    assert (status, "find this page" in page) == (404, True)


async def test_one_store_opens_at_once_and_several_are_listed(notifier: Notifier) -> None:
    """One store needs no choice; of several, those that need attention come first."""
    assert "Sunrise Coffee" in (await notifier.log_in())[1]
    await notifier.connect(OTHER)
    await notifier.open()
    status, page = await notifier.page("/dashboard/")
    assert (status, page.count('class="card ')) == (200, 2)
    assert page.index("One thing needs your attention") < page.index("All is well")


async def test_pages_without_a_broker_do_not_claim_that_all_is_well(notifier: Notifier) -> None:
    """Without a broker the pages warn that they may be out of date, beside the known problems."""
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
async def test_visitors_without_a_session_are_asked_to_sign_in(notifier: Notifier, path: str) -> None:
    """Without a session the page shows nothing of any merchant."""
    status, page = await notifier.page(path)
    assert status == 401
    assert "You are signed out" in page
    assert "Sunrise" not in page


async def test_a_session_expires(notifier: Notifier) -> None:
    """After twelve hours the page asks to sign in again."""
    await notifier.log_in()
    notifier.clock.advance(timedelta(hours=12, minutes=1))
    assert (await notifier.page(PAGE))[0] == 401


async def test_signing_out_ends_the_session(notifier: Notifier) -> None:
    """After signing out, a copy of the cookie opens nothing."""
    _, page = await notifier.log_in()
    kept = notifier.session.cookie_jar.filter_cookies(URL(notifier.url + PAGE))["quicksync"].value
    async with notifier.session.post(f"{notifier.url}/dashboard/logout", data={"csrf": csrf_in(page)}) as response:
        assert response.status == 200
    assert (await notifier.page(PAGE, headers={"Cookie": f"quicksync={kept}"}))[0] == 401


@pytest.mark.parametrize("path", [f"/dashboard/{OTHER}/", f"/dashboard/{OTHER}/stream", "/dashboard/NOBODY0000001/"])
async def test_stores_of_other_accounts_look_unknown(notifier: Notifier, path: str) -> None:
    """A store of another account and an unknown store get the same answer."""
    await notifier.connect(OTHER)
    await notifier.log_in(merchants=(MERCHANT, "NOBODY0000001"))
    status, page = await notifier.page(path)
    assert (status, "find this page" in page) == (404, True)


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "expired"])
async def test_bad_login_links_are_refused(notifier: Notifier, token: str) -> None:
    """An expired or forged link shows a note and sets no cookie."""
    if token == "expired":
        token = notifier.issuer.token(exp=1)
    async with notifier.session.get(f"{notifier.url}/dashboard/login", params={"token": token}) as response:
        assert response.status == 401
        assert "This link can" in await response.text()
    assert await notifier.fetch("SELECT 1 FROM session") == []


async def test_login_needs_the_scopes_of_the_dashboard(notifier: Notifier) -> None:
    """The token must allow reading problems and activity."""
    status, page = await notifier.log_in(scope="orders:write")
    assert (status, "It was made for something else" in page) == (403, True)


async def test_pages_have_a_strict_content_policy(notifier: Notifier) -> None:
    """Nothing from other hosts, nothing inline, no frames, no cached copy."""
    await notifier.log_in()
    async with notifier.session.get(notifier.url + PAGE) as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        page = await response.text()
    for text in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert text in policy
    assert "unsafe" not in policy
    assert "style=" not in page
    assert "https://" not in page


async def test_forms_of_other_sites_are_refused(notifier: Notifier) -> None:
    """Check again works with the token of the page; without it, or from another site, it is refused."""
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


async def test_a_double_recheck_is_requested_once(notifier: Notifier) -> None:
    """A second recheck within seconds has no effect, nor has one of a resolved problem."""
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
    """Guessed, foreign and malformed ids are all unknown."""
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
async def test_the_api_requires_its_scopes(notifier: Notifier, path: str, scope: str) -> None:
    """Each route has its scope, and a merchant that is not connected is unknown."""
    for granted, merchant_id, status in (
        ("orders:read", MERCHANT, 403),
        (scope, OTHER, 404),
    ):
        headers = notifier.issuer.headers(granted)
        async with notifier.session.get(f"{notifier.url}/v1/merchants/{merchant_id}/{path}", headers=headers) as got:
            assert got.status == status


async def test_pages_of_problems_and_activity_are_complete(notifier: Notifier) -> None:
    """All pages together list everything once, newest first."""
    for n in range(5):
        began = notifier.clock.now()
        await notifier.open(opened_at=began)
        await notifier.close(resumed_count=n, opened_at=began)
        notifier.clock.advance(1)
    found, path = [], f"/v1/merchants/{MERCHANT}/activity?limit=4"
    place: int | None = 0
    while place is not None:
        page = await notifier.get(path + (f"&cursor={place}" if place else ""))
        found += [each["seq"] for each in page["activity"]]
        place = page["next"]
    assert found == sorted(set(found), reverse=True)
    assert len(found) == 11
    first = await notifier.get(f"/v1/merchants/{MERCHANT}/problems?limit=3")
    rest = await notifier.get(f"/v1/merchants/{MERCHANT}/problems?limit=3&cursor={first['next']}")
    assert [each["resumed_count"] for each in first["problems"] + rest["problems"]] == [4, 3, 2, 1, 0]
    assert rest["next"] is None


async def test_only_the_static_files_are_served(notifier: Notifier) -> None:
    """The three files are served with long caching, and no path leads out of their folder."""
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
