"""Variants and their item groups."""

from common.db.migrate import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("catalog", "0019_variants.sql")
