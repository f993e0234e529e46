"""Compares the schema of an event with the one of the last release."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

PROSE = {"title", "description", "default"}
WORKED_OUT = {"$ref", "$defs", "const", "enum", "properties", "required", "additionalProperties", "anyOf", "items"}


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return the changes that replicas of the last release, or their messages, would not survive.

    A new field with a default and a new member of a closed list are none.
    """
    return list(_breaks(old, new, old.get("$defs", {}), new.get("$defs", {}), "the event"))


def _breaks(old: Schema, new: Schema, old_defs: Schema, new_defs: Schema, place: str) -> Iterator[str]:
    old, new = _resolved(old, old_defs), _resolved(new, new_defs)
    rest = (set(old) | set(new)) - PROSE - WORKED_OUT
    changed = sorted(name for name in rest if old.get(name) != new.get(name))
    if changed:
        yield f"{place} changed its {', '.join(changed)}"
    if gone := [member for member in _members(old) if member not in _members(new)]:
        yield f"{place} no longer takes {', '.join(map(repr, gone))}"
    if bool(_members(old)) != bool(_members(new)):
        yield f"{place} became or was a closed list"
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"`{name}` is gone"
        else:
            yield from _breaks(field, new["properties"][name], old_defs, new_defs, f"`{name}`")
    for name in sorted(set(old.get("required", [])) ^ set(new.get("required", []))):
        if name in old.get("properties", {}):
            yield f"`{name}` became required or optional"
        else:
            yield f"`{name}` is new and has no default"
    yield from _parts(old, new, old_defs, new_defs, place)


def _parts(old: Schema, new: Schema, old_defs: Schema, new_defs: Schema, place: str) -> Iterator[str]:
    """Compare the alternatives and the items of a field."""
    before, after = ([*each.get("anyOf", []), *([each["items"]] if "items" in each else [])] for each in (old, new))
    if len(before) != len(after):
        yield f"{place} takes other types"
        return
    for part, new_part in zip(before, after, strict=True):
        yield from _breaks(part, new_part, old_defs, new_defs, place)


def _resolved(schema: Schema, defs: Schema) -> Schema:
    return defs[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _members(schema: Schema) -> list[Any]:
    """Return the members of a closed list; one alone is written as a constant."""
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))
