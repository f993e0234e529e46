"""Bodies of many rows are split where they should be, however they arrive, and each row is judged as a body is."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.shop import OrderIn

from common.errors import Invalid
from common.http import parse
from common.http.problems import Refused
from common.http.split import Elements, Lines, Splitter

LIMIT = 2000

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(alphabet=st.sampled_from('a"\\\\,[]{}: \n\u2028🧦'), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(values, max_size=8)


def split(splitter: Splitter, body: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Feed the body in pieces that end at these places."""
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(places):
        yield from splitter.feed(body[start:end])
    yield from splitter.end()


cut_places = st.lists(st.integers(0, 10**6), max_size=12)


@given(rows, cut_places, st.booleans(), st.sampled_from([None, 0, 2]))
def test_elements_are_found(wanted: list[Any], cuts: list[int], ascii_only: bool, indent: int | None) -> None:
    """The elements of an array are its rows, for any content and any cuts of the body."""
    body = json.dumps(wanted, ensure_ascii=ascii_only, indent=indent).encode()

    assert [json.loads(row) for row in split(Elements(LIMIT), body, cuts)] == wanted


@given(rows, cut_places, st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_lines_are_found(wanted: list[Any], cuts: list[int], end: str, ends: bool) -> None:
    """The lines are the rows, with or without a line break at the end; empty lines are none."""
    body = end.join(json.dumps(each) for each in wanted) + end * ends

    assert [json.loads(row) for row in split(Lines(LIMIT), body.encode(), cuts)] == wanted


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("[]", []),
        (" [ ] ", []),
        ("[1,]", ["1", ""]),
        ("[,]", ["", ""]),
        ("[{]", None),
        ('[{"a": 1], 2]', ['{"a": 1]', " 2"]),
    ],
)
def test_odd_arrays(body: str, found: list[str] | None) -> None:
    """An element that is no JSON is found as a row, to be refused alone, as long as the array can be followed."""
    if found is None:
        with pytest.raises(Refused):
            list(split(Elements(LIMIT), body.encode(), []))
    else:
        assert [row.decode() for row in split(Elements(LIMIT), body.encode(), [])] == found


@pytest.mark.parametrize(
    "body", ["", "  ", "{}", '"a"', "1", "x[]", "[", "[1", '["', "[}", "[1]]", "[1],", "[1] x", "[][]", '[{"a": "]']
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_what_is_no_array_is_refused(body: str, piece: int) -> None:
    """A body that is no array, or has no end, gets a 400."""
    with pytest.raises(Refused) as refused:
        list(split(Elements(LIMIT), body.encode(), list(range(0, len(body), piece))))

    assert refused.value.status == 400


@pytest.mark.parametrize("body", ["{}", ' {"name": "Mug"}', '{"name": "Mug"}\n{"name": "Pin"}\n'])
def test_objects_without_an_array_are_refused_with_the_two_forms(body: str) -> None:
    """One object, or NDJSON that is declared as JSON, is well-formed: its refusal names what is expected."""
    with pytest.raises(Refused) as refused:
        list(split(Elements(LIMIT), body.encode(), []))

    [problem] = refused.value.problems
    assert "application/x-ndjson" in problem.remedy


@pytest.mark.parametrize("long", ["x" * 3000, "[" * 3000, '"' + "x" * 3000, " " * 3000, "1" * 3000 + "\n"])
@pytest.mark.parametrize("piece", [100, 10_000])
@pytest.mark.parametrize("splitter", [Lines, Elements])
def test_a_long_row_is_refused(splitter: type[Lines | Elements], piece: int, long: str) -> None:
    """No more is kept than the longest row the model accepts."""
    body = "[" * (splitter is Elements) + long
    with pytest.raises(Refused) as refused:
        list(split(splitter(LIMIT), body.encode(), list(range(0, len(body), piece))))

    assert refused.value.status == 413


texts = st.text(alphabet=st.sampled_from('a"\\\\n\x00'), max_size=5)
pairs = st.tuples(
    st.sampled_from(["total", "note", "labels", "weight", "lines", "odd", "n\\u006fte"]),
    st.integers(-1, 5) | st.sampled_from([10**16, 1e308, [], [{"sku": "a"}], {"a": "b"}, "note", None]) | texts,
)


@given(st.lists(pairs, max_size=5))
def test_a_row_is_judged_as_a_body(found: list[tuple[str, Any]]) -> None:
    """A row parsed once is accepted and refused like one parsed with all care, names sent twice included."""
    body = ("{" + ", ".join(f'"{name}": {json.dumps(value)}' for name, value in found) + "}").encode()

    assert judged(lambda: parse.row(OrderIn, body)) == judged(
        lambda: parse.from_body(OrderIn, "application/json", None, body)
    )


def judged(read: Callable[[], OrderIn]) -> OrderIn | None:
    """Return what was read, None if it was refused."""
    try:
        return read()
    except (Invalid, Refused):
        return None
