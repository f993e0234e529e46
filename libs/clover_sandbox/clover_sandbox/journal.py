"""Every call there was: a bounded record of each, and counters that are never lost."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

KEPT = 200_000


@dataclass
class Entry:
    """One call. Times are ms since the epoch; `status` 0 means that no answer left; no token, no body is kept."""

    seq: int
    method: str
    path: str
    merchant_id: str | None
    arrived: float
    answered: float | None = None
    status: int = 0
    applied: bool = False
    fault: str | None = None
    over_limit: str | None = None

    def row(self) -> dict[str, Any]:
        """As the control API shows it."""
        return {
            "seq": self.seq,
            "method": self.method,
            "path": self.path,
            "merchant": self.merchant_id,
            "in": self.arrived,
            "out": self.answered,
            "status": self.status,
            "applied": self.applied,
            "fault": self.fault,
            "over_limit": self.over_limit,
        }


class Journal:
    """The last 200,000 calls and the sums of all."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._next = 1
        self.by_status: Counter[str] = Counter()
        self.by_fault: Counter[str] = Counter()
        self.writes_applied = 0
        self.total = 0

    def open(self, method: str, path: str, merchant_id: str | None, at: float) -> Entry:
        """A call has arrived."""
        entry = Entry(self._next, method, path, merchant_id, at)
        self._next += 1
        self.total += 1
        self._entries.append(entry)
        return entry

    def close(self, entry: Entry, status: int, at: float) -> None:
        """The call is answered, or its connection was dropped (status 0)."""
        entry.status, entry.answered = status, at
        self.by_status[str(status)] += 1
        if entry.fault is not None:
            self.by_fault[entry.fault] += 1

    def applied(self, entry: Entry) -> None:
        """What the call asked for has been done."""
        entry.applied = True
        self.writes_applied += entry.method != "GET"

    def since(self, seq: int) -> Iterator[Entry]:
        """The kept calls after this one, oldest first."""
        newest_first = takewhile(lambda entry: entry.seq > seq, reversed(self._entries))
        return reversed(list(newest_first))

    def last_seq(self) -> int:
        return self._next - 1

    def forget(self) -> None:
        """Empty the record and the sums; the numbering goes on."""
        self._entries.clear()
        self.by_status.clear()
        self.by_fault.clear()
        self.writes_applied = self.total = 0
