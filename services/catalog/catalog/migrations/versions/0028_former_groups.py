"""Former names of item groups, and what QuickSync created beside items."""

from common.db.migrate import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run_sql("catalog", "0028_former_groups.sql")
