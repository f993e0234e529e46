"""Versions for the events that a test makes in catalog's place; each is higher than the one before."""

from itertools import count

_versions = count(1)


def next_version() -> int:
    return next(_versions)
