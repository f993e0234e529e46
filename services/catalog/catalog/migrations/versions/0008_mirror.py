"""The mirror of Clover's items."""

from common.db.migrate import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("catalog", "0008_mirror.sql")
