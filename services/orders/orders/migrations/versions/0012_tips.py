"""Tips that were recorded."""

from common.db.migrate import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("orders", "0012_tips.sql")
