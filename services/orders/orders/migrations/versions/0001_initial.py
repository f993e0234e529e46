"""The tables of orders and what the engine keeps beside them."""

from common.db.migrate import run_engine_sql, run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_engine_sql("0001_initial.sql")
    run_sql("orders", "0001_initial.sql")
