"""The other store that an order or a stock change comes from, as requests and answers name it."""

from typing import Annotated

from pydantic import Field, StringConstraints

from common.http.routes import Input


class Channel(Input):
    """A store outside Clover. Order ids and adjustment keys are unique within one."""

    channel: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$"),
        Field(description="The kind of store, such as `shopify`. 1 to 40 lower-case letters, digits, `_` and `-`."),
    ]
    store: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        Field(description="The store's name or address there, such as `mugs.example`."),
    ]
