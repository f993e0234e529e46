"""Finds and ends processes together with their descendants."""

import os
import time
from collections.abc import Sequence

import psutil

SAME_START = 2.0
"""Seconds by which two readings of one process' start may differ: the kernel's boot time is recomputed."""

GONE_WITHIN = 10.0
POLL = 0.01


def members(pid: int) -> list[psutil.Process]:
    """Return the living processes among this one, its descendants, and the members of its session."""
    found: dict[int, psutil.Process] = {}
    try:
        leader = psutil.Process(pid)
        found = {each.pid: each for each in (leader, *leader.children(recursive=True))}
    except psutil.NoSuchProcess:
        pass
    for member in _session(pid):
        found.setdefault(member.pid, member)
    return [each for each in found.values() if _lives(each)]


def end(members: Sequence[psutil.Process]) -> None:
    """Kill the processes and wait for their end. Raise psutil.TimeoutExpired if some survive."""
    for each in members:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    deadline = time.monotonic() + GONE_WITHIN
    while still := [each for each in members if _lives(each)]:
        if time.monotonic() > deadline:
            raise psutil.TimeoutExpired(GONE_WITHIN, still[0].pid)
        time.sleep(POLL)


def is_zombie(pid: int) -> bool:
    """Return whether the process is a zombie: it ended, but its parent has not collected it."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def started_at(pid: int) -> float | None:
    """Return the start time of the process in seconds since the epoch, or None without such a process."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _session(leader: int) -> list[psutil.Process]:
    members = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == leader:
                members.append(psutil.Process(pid))
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return members


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
