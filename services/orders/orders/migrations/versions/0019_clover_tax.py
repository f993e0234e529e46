"""Orders that Clover taxes by rates of its own."""

from common.db.migrate import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("orders", "0019_clover_tax.sql")
