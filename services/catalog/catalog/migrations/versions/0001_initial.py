"""The tables of catalog."""

from common.db.migrate import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql("catalog", "0001_initial.sql")
