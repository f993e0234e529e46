"""The rows of orders in Clover."""

from common.db.migrate import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("orders", "0014_line_ids.sql")
