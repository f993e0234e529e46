"""The checks of the setup of each merchant in Clover."""

from common.db.migrate import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("catalog", "0015_setup.sql")
