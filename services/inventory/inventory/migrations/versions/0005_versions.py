"""Versions of links."""

from common.db.migrate import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("inventory", "0005_versions.sql")
