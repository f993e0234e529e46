"""The settings of catalog, beside those of every service."""

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from common.settings import CommonSettings, Secrets

LIMITS = {"app": 50, "token": 16, "app_concurrent": 10, "token_concurrent": 5}
"""Clover's documented limits: calls a second, and calls in flight, per app and per token."""


HOW = f"name each of {', '.join(LIMITS)} once, as in app=50,token=16,app_concurrent=10,token_concurrent=5"


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",")]
    named = {name: number for name, equals, number in pairs if equals}
    if len(named) < len(pairs):
        raise ValueError(HOW)
    return named


class Settings(CommonSettings):
    """The settings of catalog. `master_keys` seal tokens and e-mail addresses: base64 of 32 bytes each."""

    master_keys: Annotated[Secrets, Field(min_length=1)]
    clover_limits: Annotated[
        dict[str, Annotated[int, Field(gt=0, le=100_000)]],
        NoDecode,
        BeforeValidator(_pairs),
        Field(default_factory=LIMITS.copy),
    ]
    """Clover's limits as they are; the allocation of calls keeps its own margin below them."""

    grant_seconds: Annotated[float, Field(ge=0.2, le=60)] = 20.0
    """The longest life of a share of the calls. A crashed process blocks its share at most this long."""

    background_share: Annotated[float, Field(gt=0, le=0.95)] = 0.8
    """The part of each process's calls that background work may use; live changes find the rest free."""

    item_sweep_seconds: Annotated[float, Field(gt=0, le=86400)] = 300.0
    """The pause between two comparisons of all items of a merchant with its products; webhooks may be lost."""

    create_settles_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """After a create without an answer, the item is looked up for this long before it is created again."""

    @field_validator("clover_limits")
    @classmethod
    def _four_limits(cls, value: dict[str, int]) -> dict[str, int]:
        if set(value) != set(LIMITS):
            raise ValueError(HOW)
        return value
