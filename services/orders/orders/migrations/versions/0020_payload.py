"""Sealed payloads of orders."""

from common.db.migrate import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("orders", "0020_payload.sql")
