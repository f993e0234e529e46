"""The index by which old sales are pruned."""

from common.db.migrate import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("orders", "0016_old_sales.sql")
