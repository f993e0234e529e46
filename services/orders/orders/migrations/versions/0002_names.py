"""Tables and columns of orders and of the engine under the field's usual names."""

from common.db.migrate import run_engine_sql, run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_engine_sql("0002_names.sql")
    run_sql("orders", "0002_names.sql")
