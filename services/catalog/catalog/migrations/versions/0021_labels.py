"""Categories, tags and tax rates."""

from common.db.migrate import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("catalog", "0021_labels.sql")
