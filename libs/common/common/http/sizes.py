"""Computes the size of the largest body that a model accepts, so that no valid body is too large."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

CHARACTER = 12
"""Bytes of the longest form of a character in JSON: escaped as two surrogates."""

NUMBER = 32
"""Bytes of the longest number, boolean or null."""

SPACE = 16
"""Bytes of the line break, the indentation and the punctuation around one value of a readable body."""

OPEN_TEXT = 300
"""Bytes of a text whose schema names no length: its pattern or its format bounds it."""

Schema = Mapping[str, Any]


def largest_body(model: type[BaseModel]) -> int:
    """Return the bytes of the largest body that the model accepts, in its longest spelling."""
    schema = model.model_json_schema()
    return _largest(schema, schema.get("$defs", {}))


def _largest(schema: Schema, definitions: Schema) -> int:
    if "$ref" in schema:
        return _largest(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    branches = [each for word in ("anyOf", "oneOf", "allOf") for each in schema.get(word, ())]
    if branches:
        return max(_largest(each, definitions) for each in branches)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {}).items()
            return SPACE + sum(len(name) + SPACE + _largest(each, definitions) for name, each in fields)
        case "array":
            return SPACE + int(schema.get("maxItems", 1)) * (SPACE + _largest(schema.get("items", {}), definitions))
        case "string":
            return SPACE + (CHARACTER * int(schema["maxLength"]) if "maxLength" in schema else OPEN_TEXT)
        case _:
            return NUMBER
