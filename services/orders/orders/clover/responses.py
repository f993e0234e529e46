"""What the responses of Clover that orders reads have in common."""

from typing import Generic, TypeVar

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from common.clover.transport import Answered


class Response(Answered):
    """An answer of Clover, under Clover's field names."""

    model_config = ConfigDict(alias_generator=to_camel)


R = TypeVar("R", bound=Response)


class Expanded(Response, Generic[R]):
    """A collection within an object."""

    elements: tuple[R, ...] = ()


class IdResponse(Response):
    id: str
