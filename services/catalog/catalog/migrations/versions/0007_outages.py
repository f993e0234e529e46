"""The outages of Clover that the merchants of a region were informed of."""

from common.db.migrate import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("catalog", "0007_outages.sql")
