"""Stores the records of one kind of one merchant. Pages and look-ups by id or indexed field need no scan."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Record = dict[str, Any]


class Collection:
    """An append-only list of records with indexes and with sorted views of the visible records.

    Records change only through `change`, which updates the indexes. `examined` counts the records that were read, so
    that tests can compare the cost of a page with the size of the collection.
    """

    def __init__(self, indexed: Iterable[str] = ()) -> None:
        self._rows: list[Record] = []
        self._place: dict[str, int] = {}
        self._shown: list[int] = []
        self._touched: list[tuple[int, int]] = []
        self._indexes: dict[str, dict[Any, set[int]]] = {name: {} for name in indexed}
        self._visible: set[int] = set()
        self._hidden: set[int] = set()
        self.examined = 0

    def __len__(self) -> int:
        return len(self._shown)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._place

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the visible records, oldest first."""
        return (self._rows[place] for place in self._shown)

    def everything(self) -> Iterator[Record]:
        """Iterate over all records, also hidden and deleted ones, oldest first."""
        return iter(self._rows)

    def get(self, record_id: str) -> Record | None:
        """Return the record, visible or hidden."""
        place = self._place.get(record_id)
        return None if place is None else self._rows[place]

    def shows(self, record_id: str) -> bool:
        """Return whether lists show the record."""
        return self._place.get(record_id) in self._visible

    def add(self, record: Record, *, shown: bool = True) -> Record:
        """Add a record as the newest."""
        place = len(self._rows)
        self._rows.append(record)
        self._place[record["id"]] = place
        self._index(record, place)
        if shown:
            self._show(place)
        else:
            self._hidden.add(place)
        return record

    def change(self, record_id: str, changes: Mapping[str, Any], *, shown: bool | None = None) -> Record:
        """Set fields; `None` removes a field. `shown` makes the record visible or hidden."""
        place = self._place[record_id]
        record = self._rows[place]
        was_visible = place in self._visible
        if was_visible:
            self._hide(place)
        self._unindex(record, place)
        record.update(changes)
        for name in [name for name, value in changes.items() if value is None]:
            del record[name]
        self._index(record, place)
        if was_visible if shown is None else shown:
            self._show(place)
        return record

    def page(self, offset: int, limit: int) -> list[Record]:
        """Return one page of visible records, newest first."""
        end = len(self._shown) - offset
        places = self._shown[max(0, end - limit) : max(0, end)]
        self.examined += len(places)
        return [self._rows[place] for place in reversed(places)]

    def newest_first(self, *, hidden_too: bool = False) -> Iterator[Record]:
        """Iterate over visible records, newest first, and count them as examined."""
        return self._walk(range(len(self._rows) - 1, -1, -1) if hidden_too else reversed(self._shown))

    def hidden(self) -> Iterator[Record]:
        """Iterate over hidden records, newest first."""
        return self._walk(sorted(self._hidden, reverse=True))

    def touched(
        self, since: int | None, until: int | None, *, newest_touch: bool | None, offset: int = 0
    ) -> Iterator[Record]:
        """Return visible records whose modifiedTime lies in [since, until], from `offset` on.

        They are sorted by modifiedTime or, with `newest_touch` None, by creation, newest first.
        """
        first = 0 if since is None else bisect_left(self._touched, (since, -1))
        last = len(self._touched) if until is None else bisect_right(self._touched, (until, len(self._rows)))
        if newest_touch is None:
            return self._walk(sorted((place for _, place in self._touched[first:last]), reverse=True)[offset:])
        steps = range(last - 1, first - 1, -1) if newest_touch else range(first, last)
        return self._walk(self._touched[step][1] for step in steps[offset:])

    def having(self, name: str, values: Iterable[Any], *, hidden_too: bool = False) -> Iterator[Record] | None:
        """Return records with one of these values in an indexed field, newest first, or None without such an index."""
        return self.having_all([(name, values)], hidden_too=hidden_too)

    def having_all(
        self, wanted: Iterable[tuple[str, Iterable[Any]]], *, hidden_too: bool = False
    ) -> Iterator[Record] | None:
        """Return records that match all pairs of indexed fields, newest first, or None when no field is indexed."""
        known = [places for name, values in wanted if (places := self._places(name, values)) is not None]
        if not known:
            return None
        found = set.intersection(*sorted(known, key=len), *([] if hidden_too else [self._visible]))
        return self._walk(sorted(found, reverse=True))

    def _places(self, name: str, values: Iterable[Any]) -> set[int] | None:
        if name == "id":
            return {self._place[value] for value in values if value in self._place}
        if name not in self._indexes:
            return None
        found = [self._indexes[name].get(value, set()) for value in values]
        return found[0] if len(found) == 1 else set().union(*found)

    def _walk(self, places: Iterable[int]) -> Iterator[Record]:
        for place in places:
            self.examined += 1
            yield self._rows[place]

    def _index(self, record: Record, place: int) -> None:
        for name, index in self._indexes.items():
            index.setdefault(_at(record, name), set()).add(place)

    def _unindex(self, record: Record, place: int) -> None:
        for name, index in self._indexes.items():
            value = _at(record, name)
            index[value].discard(place)
            if not index[value]:
                del index[value]

    def _show(self, place: int) -> None:
        self._visible.add(place)
        self._hidden.discard(place)
        insort(self._shown, place)
        insort(self._touched, (self._rows[place].get("modifiedTime", 0), place))

    def _hide(self, place: int) -> None:
        self._visible.discard(place)
        self._hidden.add(place)
        del self._shown[bisect_left(self._shown, place)]
        del self._touched[bisect_left(self._touched, (self._rows[place].get("modifiedTime", 0), place))]


def _at(record: Record, dotted: str) -> Any:
    value: Any = record
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
