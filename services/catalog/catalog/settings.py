"""What catalog reads from the environment beside what every service reads."""

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from common.settings import CommonSettings, Secrets

LIMITS = {"app": 50, "token": 16, "app_concurrent": 10, "token_concurrent": 5}


def _pairs(value: object) -> object:
    return dict(part.split("=", 1) for part in value.split(",")) if isinstance(value, str) else value


class Settings(CommonSettings):
    """The settings of catalog. `master_keys` seal tokens and e-mail addresses: base64 of 32 bytes each."""

    master_keys: Annotated[Secrets, Field(min_length=1)]
    clover_limits: Annotated[
        dict[str, Annotated[int, Field(gt=0)]],
        NoDecode,
        BeforeValidator(_pairs),
        Field(default_factory=LIMITS.copy),
    ]
    """Clover's limits as they are; catalog keeps its own margin below them."""

    grant_seconds: Annotated[float, Field(ge=0.2, le=30)] = 3.0
    create_settles_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """After a create with no known end, for how long the item is looked for before it is created again."""

    @field_validator("clover_limits")
    @classmethod
    def _four_limits(cls, value: dict[str, int]) -> dict[str, int]:
        if set(value) != set(LIMITS):
            raise ValueError(f"name each of {', '.join(LIMITS)} once, as in app=50,token=16,…")
        return value
