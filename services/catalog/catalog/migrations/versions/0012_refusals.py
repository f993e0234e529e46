"""Connections that Clover refuses."""

from common.db.migrate import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("catalog", "0012_refusals.sql")
