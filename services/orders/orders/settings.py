"""The settings of orders, read from the environment beside the common ones."""

from typing import Annotated

from pydantic import Field, SecretStr

from common.settings import CommonSettings, Secrets


class Settings(CommonSettings):
    """The settings of orders. `master_keys` seal orders: base64 of 32 bytes each."""

    master_keys: Annotated[Secrets, Field(min_length=1)]
    reference_key: Annotated[SecretStr, Field(min_length=8)]
    """The key that derives the references by which orders are found in Clover. It must never change."""

    order_settle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """How long a write whose answer was lost is looked up in Clover before it is sent again."""

    order_product_wait_seconds: Annotated[float, Field(ge=0, le=86400)] = 600.0
    """How long an order waits for a product that is on its way to Clover, before it is sent without its item."""

    sales_sweep_seconds: Annotated[float, Field(gt=0, le=86400)] = 300.0
    """The pause between two sweeps of a merchant's Clover for sales, in addition to webhooks."""

    order_age_limit_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    """The age at which an order that is still held expires."""

    order_expiry_notice_days: Annotated[float, Field(ge=0, le=3650)] = 3.0
    """How long before that the merchant learns of it."""
