"""The writes that give an item group all parts that its variants need: each once, in a possible order."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.item_groups import (
    Attribute,
    CreateAttribute,
    CreateGroup,
    CreateOption,
    ItemGroup,
    RenameGroup,
    Tie,
    Ties,
    bound_groups,
    refused_attributes,
    ties,
    writes,
    written,
)
from catalog.domain.matching_keys import name_key
from catalog.domain.variants import as_wanted

NEW = ItemGroup("tee", "T-shirt", ("Size", "Colour"))
SIZE = Attribute("A1", {"Small": "O1", "Medium": "O2"})
KNOWN = ItemGroup("tee", "T-shirt", ("Size",), id="G1", shown_name="T-shirt", attributes={"size": SIZE})


def test_a_new_group_is_created_before_its_parts() -> None:
    """Attributes come in the order of the options, and each option once, however it is spelled."""
    wanted = [{"Colour": "Blue", "Size": "Small"}, {"Size": "small", "Colour": "Red"}]
    assert writes(NEW, wanted) == [
        CreateGroup(),
        CreateAttribute("Size"),
        CreateOption("Size", "Small"),
        CreateAttribute("Colour"),
        CreateOption("Colour", "Blue"),
        CreateOption("Colour", "Red"),
    ]


def test_what_the_group_has_is_used() -> None:
    """Names are found without regard to case; only what is missing is created."""
    assert writes(KNOWN, [{"Size": "SMALL"}]) == []
    assert writes(KNOWN, [{"Size": "Large"}]) == [CreateOption("Size", "Large")]
    assert writes(replace(KNOWN, name="Tee"), []) == [RenameGroup()]


def test_a_group_gets_no_attribute_that_an_item_of_it_would_lack() -> None:
    """Items of no product would; those that are being linked get it as well."""
    planned = writes(KNOWN, [{"Size": "Small", "Colour": "Blue"}])
    others = replace(KNOWN, has_items=True, other_items=frozenset({"I1", "I2"}))
    assert refused_attributes(replace(KNOWN, has_items=True), planned, []) == []
    assert refused_attributes(others, planned, ["I1"]) == ["Colour"]
    assert refused_attributes(others, planned, ["I1", "I2", "I3"]) == []
    assert refused_attributes(others, writes(KNOWN, [{"Size": "Large"}]), []) == []


def test_options_that_change() -> None:
    """A former option of the same attribute is removed; options of other attributes stay."""
    assert ties(KNOWN, "I1", {"size": "Small"}, {"Size": "Medium"}) == Ties((Tie("O1", "I1"),), (Tie("O2", "I1"),))
    assert ties(KNOWN, "I1", {}, {"Size": "Medium"}) == Ties((), (Tie("O2", "I1"),))
    assert ties(KNOWN, "I1", {"Size": "small", "Colour": "Blue"}, {"Size": "Small"}) == Ties()


def test_options_are_read_by_their_ids() -> None:
    """An option that is not known means that the group has to be read anew."""
    assert KNOWN.options_of(["O2"]) == {"size": "Medium"}
    assert KNOWN.options_of(["O2", "O9"]) is None
    assert as_wanted({"size": "MEDIUM", "Colour": "Blue"}, {"Size": "Medium"}) == {"Size": "Medium"}
    assert as_wanted({"size": "Large"}, {"Size": "Medium"}) == {"Size": "Large"}


def test_the_group_of_most_items_is_that_of_the_parent() -> None:
    """A group belongs to one parent; one that has a group keeps it."""
    members = [("tee", "G1"), ("tee", "G2"), ("tee", "G2"), ("cap", "G2")]
    groups = {"tee": NEW, "cap": replace(NEW, parent_id="cap")}
    assert bound_groups(groups, members, {}) == {"tee": "G2"}
    assert bound_groups(groups, members, {"G2": "sock"}) == {"tee": "G1"}
    assert bound_groups({"tee": KNOWN}, [("tee", "G2")], {}) == {}
    assert bound_groups({}, [("new", "G3")], {}) == {"new": "G3"}


labels = st.sampled_from(["S", "s", "M", " m", "L"])
variants = st.dictionaries(st.sampled_from(["Size", "Colour"]), labels, min_size=1)


@given(st.lists(st.lists(variants, max_size=4), max_size=4), st.data())
def test_each_part_is_created_once(batches: list[list[Mapping[str, str]]], data: st.DataObject) -> None:
    """However much of a plan is carried out, no later one creates it again, and in the end nothing is missing."""
    group, number = NEW, 0
    for wanted in batches:
        planned = writes(group, wanted)
        for write in planned[: data.draw(st.integers(0, len(planned)))]:
            number += 1
            group = written(group, write, f"ID{number}")
    everything = [each for batch in batches for each in batch]
    for write in writes(group, everything):
        number += 1
        group = written(group, write, f"ID{number}")
    assert writes(group, everything) == []
    attributes = group.attributes or {}
    assert len({name_key(name) for name in attributes}) == len(attributes)
    for attribute in attributes.values():
        assert len({name_key(name) for name in attribute.options}) == len(attribute.options)
    assert all(group.option_id(name, value) for each in everything for name, value in each.items())
