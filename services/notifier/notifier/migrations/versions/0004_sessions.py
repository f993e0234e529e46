"""Login links that open one session each, and the subjects that problems affect."""

from common.db.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("notifier", "0004_sessions.sql")
