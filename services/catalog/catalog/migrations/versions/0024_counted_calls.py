"""Shares that count until their calls are over."""

from common.db.migrate import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_sql("catalog", "0024_counted_calls.sql")
