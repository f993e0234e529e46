"""What orders reads from the environment beside what every service reads."""

from typing import Annotated

from pydantic import Field, SecretStr

from common.settings import CommonSettings, Secrets


class Settings(CommonSettings):
    """The settings of orders. `master_keys` seal customers: base64 of 32 bytes each."""

    master_keys: Annotated[Secrets, Field(min_length=1)]
    reference_key: Annotated[SecretStr, Field(min_length=8)]
    """From it come the references by which orders are found in Clover; it never changes."""

    order_settle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """After a write with no known end, for how long Clover is asked about it before it is sent again."""
