"""Receives Clover's webhooks: checks them, commits them to the outbox, and only then responds with 200.

It needs neither Clover nor the broker. The writes of concurrent webhooks share one transaction.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

import structlog
from aiohttp import web

from common.contracts.clover import ObjectChanged
from common.db.database import Database
from common.db.group_commit import GroupCommit
from common.db.unit import Connection
from common.http.bodies import read_body, refuse_too_large
from common.http.problems import Refused
from common.http.routes import Access, Call, Route
from common.ids import uuid7
from common.settings import CommonSettings
from common.telemetry import tracing
from common.telemetry.metrics import Metrics
from common.webhooks.payload import parse_payload, parse_verification

log = structlog.get_logger()

PATH = "/webhooks/clover"
LARGEST_BODY = 1024 * 1024
LARGEST_VERIFICATION = 1024
SECRET_HEADER = "X-Clover-Auth"  # noqa: S105 - the name of a header

# One statement is its own transaction: a webhook costs one round trip. Strangers' changes are left out by the join.
KEEP_CHANGES = """
INSERT INTO outbox (id, type, body, at, trace, due_at)
SELECT id, $5, body, $6, trace, $6
FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::text[]) WITH ORDINALITY AS change (merchant_id, id, body, trace, n)
JOIN merchant USING (merchant_id) WHERE connected
ORDER BY n
"""
KEEP_CODES = """
INSERT INTO webhook_code (code, received_at) SELECT code, $2 FROM unnest($1::text[]) AS sent (code)
ON CONFLICT (code) DO UPDATE SET received_at = excluded.received_at
"""
FORGET_CODES = """
DELETE FROM webhook_code WHERE code NOT IN (SELECT code FROM webhook_code ORDER BY received_at DESC, code LIMIT 10)
"""

Row = tuple[str, UUID, bytes, str]
"""A change for the outbox: the merchant's id, the id of the message, its body and its trace."""


class Receiver:
    """The webhook endpoint of one service process; any service may mount it.

    Every secret in `clover_webhook_secrets` is accepted, so that it can be rotated without losing a webhook. Changes
    of other apps, of unknown merchants and of an unknown form are counted and dropped with a 200: Clover must not
    repeat them, and the valid changes beside them are kept.
    """

    def __init__(self, database: Database, settings: CommonSettings, metrics: Metrics) -> None:
        self._database = database
        self._digests = [sha256(each.get_secret_value().encode()).digest() for each in settings.clover_webhook_secrets]
        self._app_id = settings.clover_app_id
        self._read_seconds = settings.http_read_timeout
        self._changes = metrics.webhook_changes
        self._group_commit = GroupCommit(database.connection, self._write)
        self._codes = GroupCommit(database.connection, self._keep)

    def routes(self) -> list[Route]:
        """Return the route POST /webhooks/clover."""
        # the body and the write have time limits of their own
        return [
            Route("POST", PATH, self.receive, Access.OPEN, takes=None, max_body=LARGEST_BODY, within=None, quiet=True)
        ]

    async def receive(self, call: Call[object, None]) -> web.StreamResponse:
        """Respond with 200 once every change of a connected merchant is committed to the outbox."""
        request = call.request
        refuse_too_large(request, LARGEST_BODY)
        if not request.headers.getall(SECRET_HEADER, ()):
            return await self._verify(request)
        self._authenticate(request)
        payload = parse_payload(await read_body(request, LARGEST_BODY, self._read_seconds))
        if self._app_id and payload.app_id != self._app_id:
            self._changes.labels("foreign_app").inc(payload.size + payload.odd)
            return web.Response()
        if payload.odd:
            self._changes.labels("odd").inc(payload.odd)
            log.warning("changes of an unknown form are left out of a webhook", changes=payload.odd)
        trace = tracing.current()
        rows = [(event.merchant_id, uuid7(), event.model_dump_json().encode(), trace) for event in payload.events()]
        if rows:
            await self._group_commit.add(rows)
        return web.Response()

    def _authenticate(self, request: web.Request) -> None:
        """Compare digests: their length is independent of the header, so that timing reveals nothing."""
        given = "\n".join(request.headers.getall(SECRET_HEADER)).encode("utf-8", "surrogateescape")
        digest = sha256(given).digest()
        if not sum(hmac.compare_digest(digest, each) for each in self._digests):
            raise _unauthorized()

    async def _write(self, conn: Connection, rows: Sequence[Row]) -> None:
        columns = map(list, zip(*rows, strict=True))
        status = await conn.execute(KEEP_CHANGES, *columns, ObjectChanged.type, self._database.clock.now())
        self._database.wakeups.notify("outbox")
        taken = int(status.rpartition(" ")[2])
        self._changes.labels("taken").inc(taken)
        self._changes.labels("unknown_merchant").inc(len(rows) - taken)

    async def _verify(self, request: web.Request) -> web.StreamResponse:
        """Store a verification code for the operator, who reads it with `<service> webhook-code`.

        The code proves to Clover who owns the address, so it is neither logged nor shown over HTTP. Anybody may send
        one, because the request has no secret. The last ten are kept, so that a stranger's does not replace Clover's.
        """
        if (request.content_length or 0) > LARGEST_VERIFICATION:
            raise _unauthorized()
        sent = parse_verification(await read_body(request, LARGEST_VERIFICATION, self._read_seconds))
        if sent is None:
            raise _unauthorized()
        await self._codes.add([sent.code])
        return web.Response()

    async def _keep(self, conn: Connection, codes: Sequence[str]) -> None:
        async with conn.transaction():
            await conn.execute(KEEP_CODES, sorted(set(codes)), self._database.clock.now())
            await conn.execute(FORGET_CODES)
        log.warning("webhook verification code received; read it with the command webhook-code")


def _unauthorized() -> Refused:
    detail = f"The header {SECRET_HEADER} does not hold the secret configured in Clover."
    return Refused(401, "unauthorized", detail, headers={"WWW-Authenticate": f'{SECRET_HEADER} realm="quicksync"'})
