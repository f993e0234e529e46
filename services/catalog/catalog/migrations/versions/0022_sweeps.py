"""Items are compared by their changes between two sweeps."""

from common.db.migrate import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("catalog", "0022_sweeps.sql")
