"""Edits of orders that are in Clover."""

from common.db.migrate import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("orders", "0008_edits.sql")
