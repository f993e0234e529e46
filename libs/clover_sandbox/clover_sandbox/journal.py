"""Records calls: the last 200,000 in detail, and counters over all of them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

KEPT = 200_000


@dataclass
class Entry:
    """One call. Times are ms since the epoch; `status` 0 means no answer. Tokens and bodies are not recorded."""

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
        """Return the entry for the control API."""
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
    """The last 200,000 calls and counters over all calls."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._next = 1
        self.by_status: Counter[str] = Counter()
        self.by_fault: Counter[str] = Counter()
        self.writes_applied = 0
        self.total = 0

    def open(self, method: str, path: str, merchant_id: str | None, at: float) -> Entry:
        """Record that a call arrived."""
        entry = Entry(self._next, method, path, merchant_id, at)
        self._next += 1
        self.total += 1
        self._entries.append(entry)
        return entry

    def close(self, entry: Entry, status: int, at: float) -> None:
        """Record that the call was answered, or that its connection was dropped (status 0)."""
        entry.status, entry.answered = status, at
        self.by_status[str(status)] += 1
        if entry.fault is not None:
            self.by_fault[entry.fault] += 1

    def applied(self, entry: Entry) -> None:
        """Record that the call was applied."""
        entry.applied = True
        self.writes_applied += entry.method != "GET"

    def since(self, seq: int) -> Iterator[Entry]:
        """Return the recorded calls after this `seq`, oldest first."""
        newest_first = takewhile(lambda entry: entry.seq > seq, reversed(self._entries))
        return reversed(list(newest_first))

    def last_seq(self) -> int:
        return self._next - 1

    def forget(self) -> None:
        """Delete the entries and reset the counters. Numbering continues."""
        self._entries.clear()
        self.by_status.clear()
        self.by_fault.clear()
        self.writes_applied = self.total = 0
