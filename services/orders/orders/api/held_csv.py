"""Exports the orders that wait for a person, for a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Annotated

from aiohttp import web
from pydantic import Field

from common import messages
from common.contracts.problems import Code
from common.db import merchants
from common.http.routes import CSV, Call, Input
from orders import store
from orders.deps import Deps
from orders.domain.order import OrderStatus
from orders.store.lists import ShownOrder

PAGE = 500
COLUMNS = ("source_id", "number", "channel", "store", "total", "currency", "received_at", "problem", "reason", "remedy")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet runs a cell that begins so as a formula, and an order's texts come from strangers."""


class HeldQuery(Input):
    """The held orders to export."""

    problem: Annotated[Code | None, Field(description="Only orders that this problem holds.")] = None


async def export_held(call: Call[Deps, HeldQuery]) -> web.StreamResponse:
    """Write the held orders, oldest first. No connection to the database is held while the client reads."""
    deps, merchant_id, after = call.deps, call.merchant_id, 0
    await merchants.find_or_fetch(deps.database, deps.catalog, merchant_id)
    headers = {"Content-Type": f"{CSV}; charset=utf-8", "Content-Disposition": 'attachment; filename="held-orders.csv"'}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    await response.write(_lines([COLUMNS]))
    while True:
        async with deps.database.connection() as conn:
            page = await store.lists.page(conn, merchant_id, OrderStatus.HELD, after, PAGE)
        chosen = [each for each in page if call.input.problem in {None, each.held_problem}]
        await response.write(_lines(_row(each) for each in chosen))
        if len(page) < PAGE:
            break
        after = page[-1].arrival
    await response.write_eof()
    return response


def cell(text: str) -> str:
    """Return the text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _row(order: ShownOrder) -> list[str]:
    code = Code(order.held_problem) if order.held_problem else None
    texts = messages.for_locale()
    names = [order.source_id, order.number, order.channel, order.store]
    money = [str(order.total), order.currency]
    why = [code or "", order.held_reason or "", texts.remedy(code) if code else ""]
    return [cell(each) for each in (*names, *money, order.received_at.isoformat(), *why)]


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
