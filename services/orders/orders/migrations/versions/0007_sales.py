"""Sales that Clover made itself."""

from common.db.migrate import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("orders", "0007_sales.sql")
