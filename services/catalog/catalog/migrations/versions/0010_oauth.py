"""Connections by OAuth beside those by API token."""

from common.db.migrate import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("catalog", "0010_oauth.sql")
