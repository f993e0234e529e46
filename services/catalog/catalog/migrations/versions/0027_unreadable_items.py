"""Items that cannot be read."""

from common.db.migrate import run_sql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_sql("catalog", "0027_unreadable_items.sql")
