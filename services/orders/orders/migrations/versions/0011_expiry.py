"""The age limit of held orders."""

from common.db.migrate import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("orders", "0011_expiry.sql")
