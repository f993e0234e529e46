"""Adds the sales at the till, which explain changes of Clover's count."""

from common.db.migrate import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("inventory", "0006_till_sales.sql")
