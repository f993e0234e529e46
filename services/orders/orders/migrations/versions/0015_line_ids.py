"""The rows of orders in Clover."""

from common.db.migrate import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("orders", "0015_line_ids.sql")
