"""The currency of each merchant's Clover."""

from common.db.migrate import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("orders", "0013_currency.sql")
