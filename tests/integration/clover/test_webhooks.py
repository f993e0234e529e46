"""Clover's webhooks, from the first byte to the outbox."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from tests.integration.clover.conftest import APP, MERCHANT, SECRETS, Receiving, change, notice
from tests.support.database import name_of
from tests.support.eventually import eventually
from tests.support.raw import send

from common.contracts.clover import ObjectChanged

BODY = json.dumps(notice(change()))
HEAD = b"POST /webhooks/clover HTTP/1.1\r\nHost: x\r\n"


async def test_a_change_is_in_the_outbox_when_200_is_answered(receiving: Receiving) -> None:
    """A 200 means that the change is committed."""
    answer = await receiving.post(notice(change("IS:ITEM000000001", "UPDATE", 17)))

    assert answer.status == 200
    assert await receiving.received() == [
        ObjectChanged(merchant_id=MERCHANT, kind="IS", object_id="ITEM000000001", action="UPDATE", sent_at=17)
    ]


async def test_refused_webhook_stores_nothing(receiving: Receiving) -> None:
    """A webhook without the secret changes nothing, and neither does a broken one."""
    await receiving.post(notice(change()), "wrong")
    await receiving.post(BODY[:-1])

    assert await receiving.received() == []


@pytest.mark.parametrize("secret", SECRETS)
async def test_each_secret_in_use_is_accepted(receiving: Receiving, secret: str) -> None:
    """During a rotation the old and the new secret are both accepted."""
    assert (await receiving.post(notice(change()), secret)).status == 200


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRETS[0] + " x", SECRETS[0][:-1]])
async def test_without_the_secret_nothing_is_stored(door: Receiving, secret: str | None) -> None:
    """A caller without the secret changes nothing, and the response names the header."""
    answer = await door.post(notice(change()), secret)

    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'X-Clover-Auth realm="quicksync"')


@pytest.mark.parametrize("secret", [b"\xff\xfe\x80", "ключ".encode(), b"\xed\xb3\xbf", b"a" * 8000])
async def test_binary_secret_is_unauthorized(door: Receiving, secret: bytes) -> None:
    """A secret that is not text is a wrong secret, never a server error."""
    length = str(len(BODY)).encode()
    head = HEAD + b"X-Clover-Auth: " + secret + b"\r\nContent-Length: " + length + b"\r\n\r\n"

    assert (await send(door.http, head + BODY.encode())).startswith(b"HTTP/1.1 401")


async def test_two_secrets_in_one_request_are_unauthorized(door: Receiving) -> None:
    """A right secret beside a wrong one is not accepted."""
    both = f"X-Clover-Auth: wrong\r\nX-Clover-Auth: {SECRETS[0]}\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"

    assert (await send(door.http, HEAD + both.encode())).startswith(b"HTTP/1.1 401")


NO_WEBHOOKS: list[tuple[Any, str]] = [
    ("", "body"),
    ("{", "body"),
    ("[]", "body"),
    ("null", "body"),
    ('{"x": ' * 30_000 + "1" + "}" * 30_000, "body"),
    ({}, "appId"),
    ({"appId": 5, "merchants": {}}, "appId"),
    ({"appId": None, "merchants": {}}, "appId"),
    ({"appId": "A"}, "merchants"),
    ({"appId": "A", "merchants": None}, "merchants"),
    ({"appId": "A", "merchants": []}, "merchants"),
]


@pytest.mark.parametrize(("body", "field"), NO_WEBHOOKS)
async def test_body_that_is_no_webhook_is_refused(door: Receiving, body: Any, field: str) -> None:
    """The response names the faulty field; nothing is stored."""
    answer = await door.post(body)
    problem = await answer.json()

    assert answer.status == 400
    assert [each["field"] for each in problem["errors"]] == [field]


ODD_CHANGES: list[object] = [
    {"objectId": "ITEM000000001", "type": "UPDATE", "ts": 1},
    change("ABCD:ITEM000000001"),
    change("I:../../x"),
    change("I:item000000001"),
    change("I:ITEM\x00"),
    change("I:ITEM\ud800"),
    change("I:ITEM000000001\n"),
    change("I:" + "9" * 5000),
    {**change(), "objectId": 5},
    {**change(), "objectId": None},
    change(kind="MERGE"),
    change(kind="update"),
    {**change(), "type": ["UPDATE"]},
    change(ts=-1),
    change(ts=10**16),
    {**change(), "ts": "1"},
    {**change(), "ts": True},
    {**change(), "ts": None},
    {**change(), "ts": 1.5},
    {**change(), "ts": float("inf")},
    {"objectId": "I:ITEM000000001", "type": "UPDATE"},
    {},
    [],
    [change()],
    None,
    "I:ITEM000000001",
    7,
    json.loads("[" * 500 + "]" * 500),
]


@pytest.mark.parametrize("odd", ODD_CHANGES, ids=lambda odd: json.dumps(odd)[:60])
async def test_odd_change_does_not_cost_the_others(receiving: Receiving, odd: object) -> None:
    """A change of an unknown form is counted and left out; the valid ones around it are taken."""
    good = change("IS:ITEM000000001")
    body = {"appId": APP, "merchants": {MERCHANT: [change("O:O1"), odd, good], "MRCHNT0000002": [odd]}}
    answer = await receiving.post(body)

    assert answer.status == 200
    assert [each.kind for each in await receiving.received()] == ["O", "IS"]
    assert [receiving.counted(each) for each in ("taken", "odd")] == [2, 2]


@pytest.mark.parametrize("odd", [None, {}, change(), "x", 5, 1.5, [], [None], [[change()]]], ids=json.dumps)
@pytest.mark.parametrize("key", ["MRCHNT0000002", "short", "", "mrchnt0000001", MERCHANT + "\n", "MRCHNT000000\ud800"])
async def test_odd_merchant_does_not_cost_the_others(receiving: Receiving, key: str, odd: object) -> None:
    """Anything that is no list of changes, under any key, is left out; the other merchants' changes are taken."""
    answer = await receiving.post({"appId": APP, "merchants": {key: odd, MERCHANT: [change()]}})

    assert answer.status == 200
    assert [each.merchant_id for each in await receiving.received()] == [MERCHANT]
    assert receiving.counted("odd") == (0 if odd == [] else 1)


async def test_number_of_thousands_of_digits_is_odd(receiving: Receiving) -> None:
    """A number that Python refuses to read does not cost the other changes."""
    odd = json.dumps(change()).replace("1700000000000", "1" * 5000)
    answer = await receiving.post(
        f'{{"appId": "{APP}", "merchants": {{"{MERCHANT}": [{odd}, {json.dumps(change())}]}}}}'
    )

    assert answer.status == 200
    assert len(await receiving.received()) == 1


async def test_changes_of_thousands_of_merchants_are_taken(receiving: Receiving) -> None:
    """The number of merchants in one webhook is not limited, only its size."""
    merchants = {f"MRCHNT{n:07}": [change()] for n in range(3000)}

    assert (await receiving.post({"appId": APP, "merchants": merchants})).status == 200
    assert [each.merchant_id for each in await receiving.received()] == [MERCHANT]
    assert receiving.counted("unknown_merchant") == 2999


async def test_unknown_fields_and_kinds_are_accepted(receiving: Receiving) -> None:
    """Unknown fields, unknown kinds and bodies of changes do not refuse a webhook."""
    later = notice({**change("ZZ:A1"), "body": {"quantity": 5}}, change("A:APP0000000001", "CREATE")) | {"version": 2}

    assert (await receiving.post(later)).status == 200
    assert [(each.kind, each.action) for each in await receiving.received()] == [("ZZ", "UPDATE"), ("A", "CREATE")]


async def test_repeated_change_in_one_webhook_is_one_event(receiving: Receiving) -> None:
    """Each object and action becomes one event, with the latest of the times."""
    await receiving.post(notice(change(ts=1), change(ts=3), change(ts=2), change(kind="DELETE", ts=1)))

    assert [(each.action, each.sent_at) for each in await receiving.received()] == [("UPDATE", 3), ("DELETE", 1)]


async def test_unknown_merchants_and_foreign_apps_are_counted_and_dropped(receiving: Receiving) -> None:
    """They get a 200, because Clover must not repeat them, and the metrics count them."""
    stranger = notice(change(), merchant="STRANGER00001")
    stranger["merchants"][MERCHANT] = [change()]
    answers = [await receiving.post(stranger), await receiving.post(notice(change(), change("O:O1"), app="OTHER"))]

    assert [answer.status for answer in answers] == [200, 200]
    assert [each.merchant_id for each in await receiving.received()] == [MERCHANT]
    assert [receiving.counted(each) for each in ("taken", "unknown_merchant", "foreign_app")] == [1, 1, 2]


async def test_a_merchant_is_known_as_soon_as_it_is_connected(receiving: Receiving) -> None:
    """An unknown merchant is not cached as unknown."""
    webhook = notice(change(), merchant="NEWC0MER00001")
    await receiving.post(webhook)
    async with receiving.database.unit() as unit:
        await unit.conn.execute("UPDATE merchant SET merchant_id = 'NEWC0MER00001'")
    await receiving.post(webhook)

    assert [each.merchant_id for each in await receiving.received()] == ["NEWC0MER00001"]


async def test_a_merchant_is_forgotten_as_soon_as_it_is_disconnected(receiving: Receiving) -> None:
    """Its webhooks get a 200 and store nothing; no cache remembers it."""
    await receiving.post(notice(change()))
    async with receiving.database.unit() as unit:
        await unit.conn.execute("UPDATE merchant SET connected = false")
    answer = await receiving.post(notice(change()))

    assert answer.status == 200
    assert len(await receiving.received()) == 1
    assert receiving.counted("unknown_merchant") == 1


@pytest.mark.parametrize("secret", [SECRETS[0], "wrong"])
async def test_too_large_content_length_is_refused_unread(door: Receiving, secret: str) -> None:
    """A hundred megabytes are refused by their Content-Length."""
    head = HEAD + f"X-Clover-Auth: {secret}\r\nContent-Length: 100000000\r\n\r\n".encode()

    assert (await send(door.http, head)).startswith(b"HTTP/1.1 413")


async def test_a_body_that_grows_too_large_is_refused(door: Receiving) -> None:
    """Without a Content-Length the limit holds for the received bytes."""
    head = HEAD + f"X-Clover-Auth: {SECRETS[0]}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    assert (await send(door.http, head + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 17)).startswith(b"HTTP/1.1 413")


async def test_slow_body_is_given_up(door: Receiving) -> None:
    """A slow caller does not keep a connection for ever."""
    head = HEAD + f"X-Clover-Auth: {SECRETS[0]}\r\nContent-Length: 50\r\n\r\n{{".encode()

    assert (await send(door.http, head)).startswith(b"HTTP/1.1 408")


async def test_verification_code_is_stored_for_the_operator_only(
    receiving: Receiving, logged: Callable[[], str]
) -> None:
    """The code gets a 200 and is stored; the log mentions its arrival, not its value."""
    code = "0b7b1b9e-9f0c-4c5e-8a53-3a1e4f4d2c11"
    answer = await receiving.post({"verificationCode": code}, secret=None)
    async with receiving.database.connection() as conn:
        kept = await conn.fetchval("SELECT code FROM webhook_code")

    assert answer.status == 200
    assert kept == code
    assert "verification code" in logged()
    assert code not in logged()


async def test_strangers_verification_code_does_not_replace_clovers(receiving: Receiving) -> None:
    """Every code gets a 200; the last ten are kept."""
    codes = [f"{number:08}-aaaa-bbbb-cccc-dddddddddddd" for number in range(11)]
    statuses = set()
    for code in [*codes, codes[5]]:
        receiving.clock.advance(0.01)
        statuses.add((await receiving.post({"verificationCode": code}, secret=None)).status)
    async with receiving.database.connection() as conn:
        kept = [row["code"] for row in await conn.fetch("SELECT code FROM webhook_code ORDER BY received_at")]

    assert (statuses, kept) == ({200}, [*codes[1:5], *codes[6:], codes[5]])


@pytest.mark.parametrize("body", [{"verificationCode": 5}, {"verificationCode": "<script>"}, {"verificationCode": ""}])
async def test_request_without_a_secret_must_be_a_verification(door: Receiving, body: dict[str, Any]) -> None:
    """Without a secret only a valid verification request gets a 200."""
    assert (await door.post(body, secret=None)).status == 401


async def test_concurrent_webhooks_share_a_transaction(receiving: Receiving) -> None:
    """Webhooks that arrive during a write are written together in the next one."""
    async with receiving.database.unit() as unit:
        await unit.conn.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        posts = [asyncio.create_task(receiving.post(notice(change(f"I:ITEM{n}")))) for n in range(20)]
        await eventually(lambda: _waiting(receiving))
    statuses = [answer.status for answer in await asyncio.gather(*posts)]
    async with receiving.database.connection() as conn:
        transactions = await conn.fetchval("SELECT count(DISTINCT xmin::text) FROM outbox")

    assert statuses == [200] * 20
    assert len(await receiving.received()) == 20
    assert transactions <= 3


async def test_failed_group_gets_503_and_no_other(receiving: Receiving, database_dsn: str) -> None:
    """The webhooks of a failed transaction get 503 with Retry-After; later ones succeed."""
    async with receiving.database.unit() as unit:
        await unit.conn.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        lost = asyncio.create_task(receiving.post(notice(change("I:LOST"))))
        await eventually(lambda: _waiting(receiving))
        behind = asyncio.create_task(receiving.post(notice(change("I:BEHIND"))))
        await _terminate_waiting(database_dsn)
        answer = await lost
    after = await behind

    assert (answer.status, after.status) == (503, 200)
    assert "Retry-After" in answer.headers
    assert [each.object_id for each in await receiving.received()] == ["BEHIND"]


async def test_webhook_without_the_database_gets_503(door: Receiving) -> None:
    """Clover must repeat the webhook; a 200 would lose the change."""
    assert (await door.post(notice(change()))).status == 503


async def test_secrets_and_bodies_are_never_logged(receiving: Receiving, logged: Callable[[], str]) -> None:
    """The log holds neither valid nor invalid parts of a webhook."""
    await receiving.post(notice(change()), "a wrong one")
    await receiving.post(notice(change("bad canary")), SECRETS[0])
    await receiving.post(notice(change()), SECRETS[1])

    assert not any(each in logged() for each in [*SECRETS, "a wrong one", "canary", "ITEM000000001"])


TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = $1 AND wait_event_type = 'Lock' AND query LIKE '%outbox%'
"""
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'inventory.outbox'::regclass"


async def _waiting(receiving: Receiving) -> bool:
    async with receiving.database.connection() as conn:
        return bool(await conn.fetch(WAITING))


async def _terminate_waiting(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(TERMINATE, name_of(dsn))
    await connection.close()
