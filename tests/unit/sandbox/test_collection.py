"""Collections: order, look-ups, and a cost independent of their size."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clover_sandbox.collection import Collection


def fill(size: int) -> Collection:
    collection = Collection(["sku"])
    for number in range(size):
        collection.add({"id": f"I{number}", "sku": f"S{number}", "modifiedTime": number})
    return collection


def ids(records: Any) -> list[str]:
    return [record["id"] for record in records]


def test_pages_run_from_the_newest_to_the_oldest() -> None:
    """Pages are disjoint and complete, and the last one is short."""
    collection = fill(5)

    assert [ids(collection.page(offset, 2)) for offset in (0, 2, 4, 6)] == [["I4", "I3"], ["I2", "I1"], ["I0"], []]


def test_a_hidden_record_leaves_lists_but_stays_readable() -> None:
    """The id still finds the record; pages and look-ups do not."""
    collection = fill(3)
    collection.change("I1", {"deleted": True}, shown=False)

    assert ids(collection.page(0, 10)) == ["I2", "I0"]
    assert ids(collection.having("sku", ["S1"]) or ()) == []
    assert ids(collection.having("sku", ["S1"], hidden_too=True) or ()) == ["I1"]
    assert collection.get("I1") is not None


def test_an_index_follows_changes() -> None:
    """The index finds a record by its new value and not by its old one."""
    collection = fill(2)
    collection.change("I0", {"sku": "NEW"})

    assert ids(collection.having("sku", ["NEW", "S0"]) or ()) == ["I0"]


def test_touched_records_come_in_the_order_of_their_change() -> None:
    """Changes since a time are listed oldest or newest first."""
    collection = fill(4)
    collection.change("I0", {"modifiedTime": 9})

    assert ids(collection.touched(2, None, newest_touch=False)) == ["I2", "I3", "I0"]
    assert ids(collection.touched(2, 8, newest_touch=True)) == ["I3", "I2"]
    assert ids(collection.touched(2, None, newest_touch=None)) == ["I3", "I2", "I0"]


@pytest.mark.parametrize("size", [1_000, 10_000])
def test_an_answer_reads_only_what_it_returns(size: int) -> None:
    """Pages and look-ups read only returned records, at any size and depth."""
    collection = fill(size)

    collection.page(size // 2, 100)
    assert collection.examined == 100
    assert ids(collection.having("sku", ["S7"]) or ()) == ["I7"]
    assert collection.examined == 101
    assert len(list(collection.touched(size - 5, None, newest_touch=False))) == 5
    assert collection.examined == 106


@given(st.lists(st.tuples(st.sampled_from("ahst"), st.integers(0, 9)), max_size=60))
def test_views_agree_with_a_plain_list(steps: list[tuple[str, int]]) -> None:
    """After any sequence of changes, pages and time order equal those of a naive list."""
    collection, shown = Collection(), dict[str, int]()
    for time, (step, which) in enumerate(steps, start=1):
        if step == "a":
            shown[collection.add({"id": f"I{time - 1:03d}", "modifiedTime": time})["id"]] = time
        elif collection.get(target := f"I{which:03d}") is not None:
            collection.change(target, {"modifiedTime": time}, shown={"h": False, "s": True}.get(step))
            shown = {key: value for key, value in shown.items() if key != target or step != "h"}
            shown.update({target: time} if step == "s" or target in shown else {})

    assert ids(collection.page(0, 100)) == sorted(shown, reverse=True)
    assert ids(collection.touched(None, None, newest_touch=False)) == sorted(shown, key=lambda key: shown[key])
