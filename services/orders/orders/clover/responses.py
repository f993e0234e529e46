"""The parts that Clover's responses to orders have in common."""

from typing import Generic, TypeVar

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from common.clover.transport import Answered

MOST_NESTED = 100
"""An expanded collection is cut off at this length without a sign of it (documented)."""


class Response(Answered):
    """An answer of Clover, under Clover's field names."""

    model_config = ConfigDict(alias_generator=to_camel)


R = TypeVar("R", bound=Response)


class Expanded(Response, Generic[R]):
    """A collection within an object."""

    elements: tuple[R, ...] = ()


class IdResponse(Response):
    id: str
