"""Products by the SKU that an edit in Clover replaced."""

from common.db.migrate import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_sql("catalog", "0025_superseded_skus.sql")
