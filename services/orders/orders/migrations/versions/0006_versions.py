"""Versions of links."""

from common.db.migrate import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("orders", "0006_versions.sql")
