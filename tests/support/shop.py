"""A small service with every kind of route, for the tests of `common.http`."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import structlog
from aiohttp import web
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from common.errors import NotFound
from common.http.routes import EVENTS, Access, Answer, Call, Input, Nothing, PathParameter, Route, Row, RowOutcome, Tag
from common.quantity import DecimalQuantity

MERCHANT = "MRCHNT0000001"
OTHER = "MRCHNT0000002"
LATE_SECONDS = 0.1


class Line(Input):
    renamed: ClassVar = {"product": "sku"}
    elsewhere: ClassVar = {"qty": "quantity"}

    sku: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    quantity: DecimalQuantity = 1000


class OrderIn(Input):
    renamed: ClassVar = {"amount": "total", "remark": "note"}

    total: Annotated[int, Field(ge=0, description="The total in cents.")]
    lines: Annotated[list[Line], Field(default_factory=list, max_length=50)]
    note: Annotated[str, StringConstraints(max_length=200)] = ""
    api_token: SecretStr = SecretStr("")
    weight: float = 0
    labels: dict[str, str] = Field(default_factory=dict)
    gift: Line | str | None = None


class OrderRow(OrderIn):
    source_id: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class OrderOutcome(RowOutcome):
    source_id: str | None = None


class OrderView(BaseModel):
    source_id: str
    total: int
    lines: int


class Page(Input):
    renamed: ClassVar = {"size": "limit"}

    limit: Annotated[int, Field(ge=1, le=1000, description="The number of orders.")] = 100
    state: str | None = None


class Listing(BaseModel):
    merchant_id: str
    limit: int
    orders: list[OrderView]


@dataclass
class Shop:
    """The dependencies of the handlers. A call to /fail raises `raises`."""

    orders: dict[str, OrderIn] = field(default_factory=dict)
    raises: Exception = field(default_factory=lambda: NotFound("no reason"))
    portions: list[int] = field(default_factory=list)
    hangs: bool = False
    refuses: Exception | None = None


async def put_order(call: Call[Shop, OrderIn]) -> Answer:
    key = call.path["source_id"]
    status = 200 if key in call.deps.orders else 201
    call.deps.orders[key] = call.input
    return Answer(status, OrderView(source_id=key, total=call.input.total, lines=len(call.input.lines)))


async def put_orders(call: Call[Shop, list[Row[OrderRow]]]) -> list[OrderOutcome]:
    if call.deps.hangs:
        await asyncio.Event().wait()
    if call.deps.refuses:
        raise call.deps.refuses
    call.deps.portions.append(len(call.input))
    for row in call.input:
        call.deps.orders[row.value.source_id] = row.value
    return [OrderOutcome(row=row.number, outcome="accepted", source_id=row.value.source_id) for row in call.input]


async def list_orders(call: Call[Shop, Page]) -> Listing:
    views = [OrderView(source_id=k, total=o.total, lines=len(o.lines)) for k, o in call.deps.orders.items()]
    return Listing(merchant_id=call.merchant_id, limit=call.input.limit, orders=views[: call.input.limit])


async def retry_order(call: Call[Shop, Nothing]) -> Answer:
    if call.path["source_id"] not in call.deps.orders:
        raise NotFound("There is no such order; it was never received.")
    return Answer(202)


async def grant(call: Call[Shop, Nothing]) -> Answer:
    return Answer(200, headers={"X-Caller": call.claims.subject})


async def fail(call: Call[Shop, Nothing]) -> Answer:
    structlog.contextvars.bind_contextvars(failing=True)
    raise call.deps.raises


async def stream(call: Call[Shop, None]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(call.request)
    await response.write(b"begun")
    raise ValueError("the stream broke")


async def wait(_: Call[Shop, None]) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def outlast(call: Call[Shop, None]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(call.request)
    await asyncio.sleep(2 * LATE_SECONDS)
    await response.write(b"ended")
    return response


ORDER = "/v1/merchants/{merchant_id}/orders/{source_id}"
ORDERS = Tag("Orders", "Orders of the shop.")
SOURCE_ID = {"source_id": PathParameter("The id of the order in the shop.", "A-1")}
ROUTES = [
    Route(
        "PUT",
        ORDER,
        put_order,
        "orders:write",
        takes=OrderIn,
        gives=OrderView,
        also=(201,),
        summary="Create or replace an order",
        description="Stores the order under its id.",
        tags=(ORDERS,),
        example={"total": 500, "lines": [{"sku": "MUG"}]},
        gives_example={"source_id": "A-1", "total": 500, "lines": 1},
        path_parameters=SOURCE_ID,
    ),
    Route(
        "GET",
        "/v1/merchants/{merchant_id}/orders",
        list_orders,
        "orders:read",
        takes=Page,
        gives=Listing,
        summary="List orders",
        tags=(ORDERS,),
        example={"limit": 10},
    ),
    Route(
        "POST",
        "/v1/merchants/{merchant_id}/orders:batch",
        put_orders,
        "orders:write",
        takes=None,
        rows=OrderRow,
        gives=OrderOutcome,
        within=LATE_SECONDS,
        summary="Create or replace many orders",
        tags=(ORDERS,),
        example=[{"source_id": "A-1", "total": 500}],
        gives_example=[{"row": 1, "outcome": "accepted", "errors": [], "source_id": "A-1"}],
    ),
    Route("POST", f"{ORDER}/retry", retry_order, "orders:write", status=202, summary="Send an order again"),
    Route("POST", "/internal/grants", grant, Access.INTERNAL, summary="Lease a grant"),
    Route("POST", "/fail", fail, Access.OPEN),
    Route("GET", "/stream", stream, Access.OPEN, takes=None),
    Route("GET", "/wait", wait, Access.OPEN, takes=None),
    Route("GET", "/late", wait, Access.OPEN, takes=None, within=LATE_SECONDS),
    Route("GET", "/outlast", outlast, Access.OPEN, takes=None, within=LATE_SECONDS, gives=EVENTS),
]
