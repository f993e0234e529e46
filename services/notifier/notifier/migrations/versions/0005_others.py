"""Entries of the feed that stand for many events."""

from common.db.migrate import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("notifier", "0005_others.sql")
