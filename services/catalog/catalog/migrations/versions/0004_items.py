"""The fields of each product's item in Clover, and items that were deleted in Clover."""

from common.db.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("catalog", "0004_items.sql")
