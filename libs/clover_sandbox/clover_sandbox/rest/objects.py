"""Handlers for plain objects: list, create, read, change, delete, associate."""

from collections.abc import Callable, Sequence
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
    """Return the record, or raise 404 with this kind's text."""
    record = merchant.shown(kind.name, object_id)
    if record is None:
        raise kind.absent()
    return record


def found(call: Call, kind: Kind) -> Record:
    """Return the record of the path's id. A switch decides whether deleted ones are readable."""
    record = call.merchant.objects[kind.name].get(call.ids["id"])
    if record is not None and call.merchant.shared.switches["deleted_by_id"] == "shown":
        return record
    return need(call.merchant, kind, call.ids["id"])


def one(call: Call, kind: Kind, record: Record) -> Answer:
    """Answer one object with its expands."""
    check_expands(call, kind)
    return Answer(show(call, kind, record, call.query.expand))


def make(merchant: Merchant, kind: Kind, fields: Record) -> Record:
    """Store a new object and emit its event."""
    stamp = {"modifiedTime": merchant.now_ms()} if kind.timed else {}
    record = {"id": merchant.new_id(), **kind.defaults, **without_nulls(fields), **stamp}
    merchant.objects[kind.name].add(record)
    if kind.event:
        merchant.emit(kind.event, record["id"], "CREATE")
    return record


def amend(merchant: Merchant, kind: Kind, object_id: str, changes: Record) -> Record:
    """Change an object without an event. A cleared field gets its default, if any (a guess)."""
    stamp = {"modifiedTime": merchant.now_ms()} if kind.timed else {}
    given = {name: kind.defaults.get(name) if value is None else value for name, value in changes.items()}
    return merchant.objects[kind.name].change(object_id, {**given, **stamp})


def alter(merchant: Merchant, kind: Kind, object_id: str, changes: Record) -> Record:
    """Change an object and emit its event."""
    record = amend(merchant, kind, object_id, changes)
    if kind.event:
        merchant.emit(kind.event, object_id, "UPDATE")
    return record


def drop(merchant: Merchant, kind: Kind, object_id: str) -> None:
    """Delete an object softly (documented): lists hide it, `deleted` and `deletedTime` filters still find it."""
    now = merchant.now_ms()
    stamp = {"modifiedTime": now} if kind.timed else {}
    merchant.objects[kind.name].change(object_id, {"deleted": True, "deletedTime": now, **stamp}, shown=False)
    if kind.event:
        merchant.emit(kind.event, object_id, "DELETE")


def listing(kind: Kind) -> Handler:
    return lambda call: list_all(call, kind)


def creation(kind: Kind, prepare: Prepare | None = None) -> Handler:
    """Build the POST handler of a collection. Clover answers 200 with the whole object (recorded)."""

    def create(call: Call) -> Answer:
        fields = accept(kind.shape, call.body)
        if prepare is not None:
            fields = prepare(call.merchant, fields, call.body)
        return one(call, kind, make(call.merchant, kind, fields))

    return create


def reading(kind: Kind) -> Handler:
    return lambda call: one(call, kind, found(call, kind))


def change(kind: Kind, prepare: Prepare | None = None) -> Handler:
    """Build the POST handler of an object, a partial update (recorded)."""

    def update(call: Call) -> Answer:
        need(call.merchant, kind, call.ids["id"])
        fields = accept(kind.shape, call.body, partial=True)
        if prepare is not None:
            fields = prepare(call.merchant, fields, call.body)
        return one(call, kind, alter(call.merchant, kind, call.ids["id"], fields))

    return update


def deletion(kind: Kind) -> Handler:
    """Build the DELETE handler. Clover answers 200 `{}` (recorded)."""

    def delete(call: Call) -> Answer:
        need(call.merchant, kind, call.ids["id"])
        drop(call.merchant, kind, call.ids["id"])
        return Answer({})

    return delete


def bulk_deletion(kind: Kind, parameter: str) -> Handler:
    """Build the DELETE handler for several ids in a comma-separated parameter."""

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
    """Build the five routes of a plain kind."""
    read, write = f"{kind.permission}_R", f"{kind.permission}_W"
    return [
        Route("GET", kind.name, listing(kind), read),
        Route("POST", kind.name, creation(kind, prepare), write),
        Route("GET", f"{kind.name}/{{id}}", reading(kind), read),
        Route("POST", f"{kind.name}/{{id}}", change(kind, prepare), write),
        Route("DELETE", f"{kind.name}/{{id}}", deletion(kind), write),
    ]


def tying(tie: str, left: Kind, left_name: str, right: Kind, right_name: str) -> Route:
    """Build the route that associates two kinds. `?delete=true` removes the associations (documented).

    The body is `{"elements": [{left: {id}, right: {id}}]}` and the answer `{}`.
    """

    def post(call: Call) -> Answer:
        apart = call.parameter("delete") == "true"
        pairs = [
            (_side(row, left_name, required=not apart), _side(row, right_name, required=not apart))
            for row in map(an_object, rows_of(call.body, "elements"))
        ]
        known = [pair for pair in pairs if _are_known(call.merchant, (left, right), pair)]
        associate(call.merchant, tie, known, apart=apart)
        return Answer({})

    return Route("POST", tie, post, "INVENTORY_W")


def associate(merchant: Merchant, tie: str, pairs: Sequence[tuple[str | None, str | None]], *, apart: bool) -> None:
    """Associate these pairs, or remove their associations. A switch decides whether that changes the items."""
    for left_id, right_id in pairs:
        if apart:
            merchant.ties[tie].untie(left_id, right_id)
        elif left_id is not None and right_id is not None:
            merchant.ties[tie].tie(left_id, right_id)
    if merchant.shared.switches.on("association_touches_item"):
        for item_id in sorted({each for pair in pairs for each in pair if each and each in merchant.objects["items"]}):
            merchant.objects["items"].change(item_id, {"modifiedTime": merchant.now_ms()})
            merchant.emit("I", item_id, "UPDATE")


def _side(row: Record, name: str, *, required: bool) -> str | None:
    return ref_id(name, row.get(name)) if required or name in row else None


def _are_known(merchant: Merchant, kinds: tuple[Kind, Kind], pair: tuple[str | None, str | None]) -> bool:
    """Return whether both sides exist. A switch decides whether one that does not fails the whole call."""
    for kind, object_id in zip(kinds, pair, strict=True):
        if object_id is not None and merchant.shown(kind.name, object_id) is None:
            if merchant.shared.switches["association_unknown"] == "refuse":
                raise kind.absent()
            return False
    return True
