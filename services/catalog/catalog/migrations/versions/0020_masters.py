"""Edits on both sides of a product."""

from common.db.migrate import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("catalog", "0020_masters.sql")
