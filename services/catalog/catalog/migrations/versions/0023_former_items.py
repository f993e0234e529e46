"""The former values that items get back."""

from common.db.migrate import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_sql("catalog", "0023_former_items.sql")
