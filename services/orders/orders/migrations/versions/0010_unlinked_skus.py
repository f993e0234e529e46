"""The merchant's choice for orders with unlinked SKUs."""

from common.db.migrate import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("orders", "0010_unlinked_skus.sql")
