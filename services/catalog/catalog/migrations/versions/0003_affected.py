"""The engine's columns for the things that a problem affects."""

from common.db.migrate import run_engine_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_engine_sql("0003_affected.sql")
