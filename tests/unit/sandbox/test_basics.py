"""Ids, clock, switches, links, stock rounding and webhook payloads."""

import re
from decimal import Decimal

import pytest

from clover_sandbox.clock import Clock
from clover_sandbox.events import Event
from clover_sandbox.ids import Ids
from clover_sandbox.links import Links
from clover_sandbox.stock import rounded
from clover_sandbox.switches import SWITCHES, Switches
from clover_sandbox.webhooks import payload_of


def test_ids_look_like_clovers() -> None:
    """An id has 13 of Clover's 32 characters, does not repeat, and follows from the seed."""
    first, second = Ids(seed=7), Ids(seed=7)
    ids = [first.new() for _ in range(200)]

    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{13}", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert [second.new() for _ in range(200)] == ids


def test_times_are_whole_seconds_and_can_be_moved() -> None:
    """Times in ms end in 000, and an advance of an hour adds an hour."""
    clock = Clock()
    before = clock.now_ms()
    clock.advance(3600)

    assert before % 1000 == 0
    assert 3_600_000 <= clock.now_ms() - before <= 3_602_000


@pytest.mark.parametrize(("quantity", "count"), [("160.5", 161), ("-2.5", -2), ("0.4", 0), ("3", 3)])
def test_the_rounded_count_is_half_up(quantity: str, count: int) -> None:
    """160.5 rounds to 161."""
    assert rounded(Decimal(quantity)) == count


def test_defaults_are_among_the_modes() -> None:
    """Every switch has a valid default and a confidence."""
    assert all(each.default in each.modes and len(each.modes) > 1 for each in SWITCHES.values())
    assert {each.confidence for each in SWITCHES.values()} <= {"documented", "recorded", "reported", "a guess"}


@pytest.mark.parametrize("modes", [{"nonsense": "on"}, {"deduct": "sometimes"}])
def test_a_wrong_mode_changes_no_switch(modes: dict[str, str]) -> None:
    """The change applies to all switches or none."""
    switches = Switches()
    with pytest.raises(ValueError, match=r"switch|is one of"):
        switches.set({"line_cap": "3000", **modes})

    assert switches["line_cap"] == "2500"


def test_removing_one_side_removes_all_its_pairs() -> None:
    """Naming only the category removes all its pairs."""
    links = Links()
    for left, right in (("c1", "i1"), ("c1", "i2"), ("c2", "i1")):
        links.tie(left, right)
    links.untie("c1", None)

    assert (links.rights_of("c1"), links.lefts_of("i1")) == ([], ["c2"])


def test_a_payload_groups_events_by_merchant() -> None:
    """One post holds several merchants and keeps the order of events."""
    events = [Event(merchant, f"I:{number}", "UPDATE", number) for number, merchant in enumerate(["M", "N", "M"])]

    assert payload_of("APP", events) == {
        "appId": "APP",
        "merchants": {
            "M": [{"objectId": "I:0", "type": "UPDATE", "ts": 0}, {"objectId": "I:2", "type": "UPDATE", "ts": 2}],
            "N": [{"objectId": "I:1", "type": "UPDATE", "ts": 1}],
        },
    }
