"""Objects that are simply kept: list, create, read, change, delete, and tie to one another."""

from collections.abc import Callable
from typing import Any

from clover_sandbox.answers import Answer, bad_request
from clover_sandbox.call import Call, Handler
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Kind, check_expands, show
from clover_sandbox.listing import list_all
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import accept, an_object, ref_id, rows_of, without_nulls

Prepare = Callable[[Merchant, Record, Any], Record]


def need(merchant: Merchant, kind: Kind, object_id: str) -> Record:
    """The record, or 404 in this kind's words."""
    record = merchant.shown(kind.name, object_id)
    if record is None:
        raise kind.absent()
    return record


def found(call: Call, kind: Kind) -> Record:
    """The record of the path's id to be read; whether a deleted one still can be is a switch."""
    record = call.merchant.objects[kind.name].get(call.ids["id"])
    if record is not None and call.merchant.shared.switches["deleted_by_id"] == "shown":
        return record
    return need(call.merchant, kind, call.ids["id"])


def one(call: Call, kind: Kind, record: Record) -> Answer:
    """One object with its expands."""
    check_expands(call, kind)
    return Answer(show(call, kind, record, call.query.expand))


def make(merchant: Merchant, kind: Kind, fields: Record) -> Record:
    """Keep a new object and tell of it."""
    stamp = {"modifiedTime": merchant.now_ms()} if kind.timed else {}
    record = {"id": merchant.new_id(), **kind.defaults, **without_nulls(fields), **stamp}
    merchant.objects[kind.name].add(record)
    if kind.event:
        merchant.tell(kind.event, record["id"], "CREATE")
    return record


def amend(merchant: Merchant, kind: Kind, object_id: str, changes: Record) -> Record:
    """Change an object; what is cleared falls back to its default, if it has one (a guess)."""
    stamp = {"modifiedTime": merchant.now_ms()} if kind.timed else {}
    given = {name: kind.defaults.get(name) if value is None else value for name, value in changes.items()}
    return merchant.objects[kind.name].change(object_id, {**given, **stamp})


def alter(merchant: Merchant, kind: Kind, object_id: str, changes: Record) -> Record:
    """Change an object and tell of it."""
    record = amend(merchant, kind, object_id, changes)
    if kind.event:
        merchant.tell(kind.event, object_id, "UPDATE")
    return record


def drop(merchant: Merchant, kind: Kind, object_id: str) -> None:
    """A soft delete (documented): lists no longer show it, `deleted` and `deletedTime` filters still do."""
    now = merchant.now_ms()
    stamp = {"modifiedTime": now} if kind.timed else {}
    merchant.objects[kind.name].change(object_id, {"deleted": True, "deletedTime": now, **stamp}, shown=False)
    if kind.event:
        merchant.tell(kind.event, object_id, "DELETE")


def listing(kind: Kind) -> Handler:
    return lambda call: list_all(call, kind)


def creation(kind: Kind, prepare: Prepare | None = None) -> Handler:
    """POST to the collection: 200 with the whole object (recorded)."""

    def create(call: Call) -> Answer:
        fields = accept(kind.shape, call.body)
        if prepare is not None:
            fields = prepare(call.merchant, fields, call.body)
        return one(call, kind, make(call.merchant, kind, fields))

    return create


def reading(kind: Kind) -> Handler:
    return lambda call: one(call, kind, found(call, kind))


def change(kind: Kind, prepare: Prepare | None = None) -> Handler:
    """POST to an object is a partial update (recorded)."""

    def update(call: Call) -> Answer:
        need(call.merchant, kind, call.ids["id"])
        fields = accept(kind.shape, call.body, partial=True)
        if prepare is not None:
            fields = prepare(call.merchant, fields, call.body)
        return one(call, kind, alter(call.merchant, kind, call.ids["id"], fields))

    return update


def deletion(kind: Kind) -> Handler:
    """DELETE answers 200 `{}` (recorded)."""

    def delete(call: Call) -> Answer:
        need(call.merchant, kind, call.ids["id"])
        drop(call.merchant, kind, call.ids["id"])
        return Answer({})

    return delete


def bulk_deletion(kind: Kind, parameter: str) -> Handler:
    """DELETE of several by a comma-separated parameter."""

    def delete(call: Call) -> Answer:
        ids = [each for each in (call.parameter(parameter) or "").split(",") if each]
        if not ids:
            raise bad_request(f"{parameter} must not be empty")
        for each in ids:
            need(call.merchant, kind, each)
        for each in ids:
            drop(call.merchant, kind, each)
        return Answer({})

    return delete


def kept(kind: Kind, prepare: Prepare | None = None) -> list[Route]:
    """The five routes of a kind that is simply kept."""
    read, write = f"{kind.permission}_R", f"{kind.permission}_W"
    return [
        Route("GET", kind.name, listing(kind), read),
        Route("POST", kind.name, creation(kind, prepare), write),
        Route("GET", f"{kind.name}/{{id}}", reading(kind), read),
        Route("POST", f"{kind.name}/{{id}}", change(kind, prepare), write),
        Route("DELETE", f"{kind.name}/{{id}}", deletion(kind), write),
    ]


def tying(tie: str, left: Kind, left_name: str, right: Kind, right_name: str) -> Route:
    """POST `{"elements": [{left: {id}, right: {id}}]}`: `{}`; `?delete=true` takes the ties apart (documented)."""

    def post(call: Call) -> Answer:
        apart = call.parameter("delete") == "true"
        pairs = [
            (_side(row, left_name, required=not apart), _side(row, right_name, required=not apart))
            for row in map(an_object, rows_of(call.body, "elements"))
        ]
        for left_id, right_id in pairs:
            _need_side(call.merchant, left, left_id)
            _need_side(call.merchant, right, right_id)
        for left_id, right_id in pairs:
            _tie(call.merchant, tie, left_id, right_id, apart=apart)
        for item_id in {each for pair in pairs for each in pair if each in call.merchant.objects["items"]}:
            call.merchant.objects["items"].change(item_id or "", {"modifiedTime": call.merchant.now_ms()})
            call.merchant.tell("I", item_id or "", "UPDATE")
        return Answer({})

    return Route("POST", tie, post, "INVENTORY_W")


def _tie(merchant: Merchant, tie: str, left_id: str | None, right_id: str | None, *, apart: bool) -> None:
    if apart:
        merchant.ties[tie].untie(left_id, right_id)
    elif left_id is not None and right_id is not None:
        merchant.ties[tie].tie(left_id, right_id)


def _side(row: Record, name: str, *, required: bool) -> str | None:
    return ref_id(name, row.get(name)) if required or name in row else None


def _need_side(merchant: Merchant, kind: Kind, object_id: str | None) -> None:
    if object_id is not None:
        need(merchant, kind, object_id)
