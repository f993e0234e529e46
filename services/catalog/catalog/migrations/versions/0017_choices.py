"""The choices of each merchant."""

from common.db.migrate import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("catalog", "0017_choices.sql")
