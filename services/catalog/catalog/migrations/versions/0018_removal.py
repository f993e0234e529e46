"""Products that are being deleted."""

from common.db.migrate import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("catalog", "0018_removal.sql")
