"""The optional fields that a product states."""

from common.db.migrate import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql("catalog", "0009_stated.sql")
