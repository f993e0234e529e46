"""The settings that inventory adds to the common ones."""

from typing import Annotated

from pydantic import Field

from common.settings import CommonSettings


class Settings(CommonSettings):
    """`sweep_seconds` is the pause between two sweeps, which read all counts of a merchant."""

    sweep_seconds: Annotated[float, Field(gt=0, le=86400)] = 300.0
