"""Conflicts, choices of links, and the former fields of items."""

from common.db.migrate import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("catalog", "0016_matching.sql")
