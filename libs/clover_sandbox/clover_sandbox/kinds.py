"""Describes a kind of object for the REST API: shape, filters, expands, error texts and permissions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clover_sandbox.answers import Refused
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant
from clover_sandbox.query import Tree
from clover_sandbox.shapes import Shape

Read = Callable[[Merchant, Record], Sequence[Any]]
Find = Callable[[Merchant, str], Iterable[str]]
Expand = Callable[[Call, Record, Tree], Any]
Restrict = Callable[[Call], Callable[[Record], bool] | None]

MOST_NESTED = 100


def _no_restriction(_call: Call) -> None:
    return None


def _forbids_nothing(_call: Call, _expand: str) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """One kind of object. `name` is the path segment and the collection.

    `filters` lists the legal filters, in the recorded order if known; `unlisted` those that only clients report (a
    switch), `doubtful` the switch of those that may not work. A body may set the fields of `shape`; only Clover sets
    those of `own`. `reads` maps a filter field to its values in a record, `finds` maps its values to ids.
    """

    name: str
    permission: str
    shape: Shape
    own: tuple[str, ...] = ()
    filters: tuple[str, ...] = ("id",)
    unlisted: tuple[str, ...] = ()
    doubtful: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, Read] = field(default_factory=dict)
    finds: Mapping[str, Find] = field(default_factory=dict)
    expands: Mapping[str, Expand] = field(default_factory=dict)
    expand_permissions: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    event: str | None = None
    timed: bool = False
    href: bool = False
    missing: tuple[str, str | None] = ("Not Found", "The requested resource could not be found.")
    restrict: Restrict = _no_restriction
    forbids: Callable[[Call, str], bool] = _forbids_nothing

    def absent(self) -> Refused:
        """Build a 404 with this kind's text."""
        return Refused(404, *self.missing)

    def values(self, merchant: Merchant, record: Record, name: str) -> Sequence[Any]:
        """Return the values of a filter field in a record."""
        if name in self.reads:
            return self.reads[name](merchant, record)
        value: Any = record
        for part in self.aliases.get(name, name).split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return () if value is None else (value,)


def show(call: Call, kind: Kind, record: Record, tree: Tree) -> Record:
    """Return the record as the API shows it, with expanded fields. Unknown expands are ignored (recorded)."""
    if not tree and not kind.href and not call.query.nulls:
        return record
    head = {"href": f"{call.base_url}/v3/merchants/{call.merchant.id}/{kind.name}/{record['id']}"} if kind.href else {}
    shown = {**head, **record}
    for name, branch in tree.items():
        if name in kind.expands and (value := kind.expands[name](call, record, branch)) is not None:
            shown[name] = value
    return with_nulls(call, (*kind.shape, *kind.own), shown)


def with_nulls(call: Call, names: Iterable[str], shown: Record) -> Record:
    """Add empty fields as null if the query asks for it (documented) or a switch demands it."""
    return {**dict.fromkeys(names), **shown} if call.query.nulls else shown


def check_expands(call: Call, kind: Kind, tree: Tree | None = None) -> None:
    """Raise 403 if an expand lacks its permission. One such expand fails the whole call (recorded)."""
    for name in call.query.expand if tree is None else tree:
        needed = kind.expand_permissions.get(name)
        if (needed is not None and not call.may(needed)) or kind.forbids(call, name):
            raise Refused(403, "Invalid permissions for expandable fields.")


def elements(rows: Sequence[Any]) -> dict[str, Any]:
    """Return a nested collection, cut at 100 elements (documented)."""
    return {"elements": list(rows[:MOST_NESTED])}
