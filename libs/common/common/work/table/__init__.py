"""The work table: every SQL statement that the engine or a service runs on it."""

from common.work.table.lists import State, kind_and_key, listed, states
from common.work.table.outcomes import drop_rows, finish, hold, lock, more, postpone, repeat
from common.work.table.requests import drop, release, release_keys, retry, retry_row
from common.work.table.turns import bring_forward, due, end_turn, next_ready, repair, take, waiting

__all__ = [
    "State",
    "bring_forward",
    "drop",
    "drop_rows",
    "due",
    "end_turn",
    "finish",
    "hold",
    "kind_and_key",
    "listed",
    "lock",
    "more",
    "next_ready",
    "postpone",
    "release",
    "release_keys",
    "repair",
    "repeat",
    "retry",
    "retry_row",
    "states",
    "take",
    "waiting",
]
