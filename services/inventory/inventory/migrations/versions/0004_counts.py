"""Items that nobody counts, counts that move with a SKU, and adjustments that name their source."""

from common.db.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("inventory", "0004_counts.sql")
