"""The changes of products by requests, so that they can be listed and undone."""

from common.db.migrate import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("catalog", "0011_changes.sql")
