"""Answers list calls: builds the envelope and picks the cheapest walk through a collection for the query."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from math import ceil, floor
from urllib.parse import quote, urlencode

from clover_sandbox.answers import Answer, bad_request
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Kind, check_expands, show
from clover_sandbox.query import Condition, Query, as_number
from clover_sandbox.shapes import Ref


def list_all(call: Call, kind: Kind) -> Answer:
    """Answer a page of all records of this kind."""
    check_query(call, kind)
    return envelope(call, kind, select(call, kind))


def list_some(call: Call, kind: Kind, records: Sequence[Record]) -> Answer:
    """Answer a page of the given records, in their own order unless the query asks for another. For sub-resources."""
    check_query(call, kind)
    query = call.query
    kept = [each for each in records if _matches(call, kind, each)]
    if query.order is not None:
        field, newest = query.order
        kept.sort(key=_sort_key(call, kind, field), reverse=newest)
    return envelope(call, kind, kept[query.offset : query.offset + query.limit])


def check_query(call: Call, kind: Kind) -> None:
    """Raise 400 for an unknown filter field (recorded) or an unknown orderBy (a guess)."""
    for condition in call.query.conditions:
        if condition.field not in (*_listed(call, kind), *_unlisted(call, kind)):
            raise bad_request(f"Invalid filter field: {condition.field}")
    if call.query.order is not None and call.query.order[0] not in _sortable(kind):
        raise bad_request(f"Invalid orderBy field: {call.query.order[0]}")
    check_expands(call, kind)


def _listed(call: Call, kind: Kind) -> list[str]:
    modes = call.merchant.shared.switches
    return [each for each in kind.filters if each not in kind.doubtful or modes[kind.doubtful[each]] == "works"]


def _unlisted(call: Call, kind: Kind) -> tuple[str, ...]:
    return kind.unlisted if call.merchant.shared.switches["unlisted_filters"] == "work" else ()


def _sortable(kind: Kind) -> set[str]:
    plain = {name for name, field in kind.shape.items() if not isinstance(field, Ref)}
    return {*kind.filters, *plain, "createdTime", "modifiedTime"}


def envelope(call: Call, kind: Kind, records: Sequence[Record]) -> Answer:
    """Build `elements` and an `href` that repeats filters and limit (recorded). Clover sends no total and no cursor."""
    echoed = urlencode(
        [("filter", text) for text in call.query.filters] + [("limit", call.query.limit)], quote_via=quote
    )
    body = {
        "elements": [show(call, kind, record, call.query.expand) for record in records],
        "href": f"{call.base_url}{call.path}?{echoed}",
    }
    return Answer(body, headers={"X-Clover-Allowed-Filter-Fields": ", ".join(_listed(call, kind))})


def select(call: Call, kind: Kind) -> list[Record]:
    """Return one page. Plain pages, indexed look-ups and modifiedTime ranges read only the records they return."""
    collection, query = call.merchant.objects[kind.name], call.query
    restrict = kind.restrict(call)
    if not query.conditions and query.order is None and restrict is None:
        return collection.page(query.offset, query.limit)
    if restrict is None and _is_touch_range(query):
        since, until = _touch_range(query.conditions)
        newest = query.order[1] if query.order is not None else None
        rows = collection.touched(since, until, newest_touch=newest, offset=query.offset)
        return list(islice(rows, query.limit))
    rows, in_order = _candidates(call, kind)
    kept: Iterator[Record] = (row for row in rows if (restrict is None or restrict(row)) and _matches(call, kind, row))
    if not in_order and query.order is not None:
        field, newest = query.order
        kept = iter(sorted(kept, key=_sort_key(call, kind, field), reverse=newest))
    return list(islice(kept, query.offset, query.offset + query.limit))


def _is_touch_range(query: Query) -> bool:
    """Return whether the query filters only by modifiedTime and sorts by nothing else."""
    in_order = query.order is None or query.order[0] == "modifiedTime"
    return in_order and all(_bound(each) is not None for each in query.conditions)


def _candidates(call: Call, kind: Kind) -> tuple[Iterator[Record], bool]:
    """Return records that may match the query, and whether they are already in the requested order."""
    collection, query = call.merchant.objects[kind.name], call.query
    hidden_too = any(_asks_for_deleted(each) for each in query.conditions)
    named = [_indexed(call, kind, each) for each in query.conditions if each.names_values]
    found = collection.having_all(named, hidden_too=hidden_too)
    if found is not None:
        return found, query.order is None
    by_touch = query.order is not None and query.order[0] == "modifiedTime"
    since, until = _touch_range(query.conditions)
    if hidden_too:
        return collection.hidden(), query.order is None
    if by_touch or since is not None or until is not None:
        newest = query.order[1] if by_touch and query.order is not None else None
        return collection.touched(since, until, newest_touch=newest), by_touch or query.order is None
    return collection.newest_first(), query.order is None


def _indexed(call: Call, kind: Kind, condition: Condition) -> tuple[str, Sequence[str]]:
    """Return the field and the values for an index look-up. An index of the kind itself leads to ids."""
    if condition.field in kind.finds:
        return "id", [each for value in condition.values for each in kind.finds[condition.field](call.merchant, value)]
    return kind.aliases.get(condition.field, condition.field), condition.values


def _asks_for_deleted(condition: Condition) -> bool:
    """Return whether only hidden records can match the query."""
    if condition.field == "deletedTime":
        return condition.op != "!="
    return condition.field == "deleted" and (condition.values == ("true",)) is (condition.op != "!=")


def _bound(condition: Condition) -> Decimal | None:
    """Return the number to compare modifiedTime with, or None for any other condition."""
    ranged = condition.field == "modifiedTime" and condition.op in {">", ">=", "<", "<=", "="}
    return as_number(condition.values[0]) if ranged else None


def _touch_range(conditions: Sequence[Condition]) -> tuple[int | None, int | None]:
    """Return the first and last ms that match all conditions on modifiedTime. A record without one never matches."""
    bounds = [(each.op, bound) for each in conditions if (bound := _bound(each)) is not None]
    if not bounds:
        return None, None
    since = [1, *(floor(bound) + 1 if op == ">" else ceil(bound) for op, bound in bounds if op in {">", ">=", "="})]
    until = [ceil(bound) - 1 if op == "<" else floor(bound) for op, bound in bounds if op in {"<", "<=", "="}]
    return max(since), min(until, default=None)


def _matches(call: Call, kind: Kind, record: Record) -> bool:
    return all(each.holds(kind.values(call.merchant, record, each.field)) for each in call.query.conditions)


def _sort_key(call: Call, kind: Kind, field: str) -> Callable[[Record], tuple[bool, str | float]]:
    def key(record: Record) -> tuple[bool, str | float]:
        values = kind.values(call.merchant, record, field)
        return (bool(values), values[0] if values else 0)

    return key
