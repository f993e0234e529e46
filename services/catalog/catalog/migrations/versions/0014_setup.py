"""The checks of the setup of each merchant in Clover."""

from common.db.migrate import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("catalog", "0014_setup.sql")
