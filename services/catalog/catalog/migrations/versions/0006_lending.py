"""The shares of Clover's limits that are lent to processes, of the app's and of each merchant's."""

from common.db.migrate import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("catalog", "0006_lending.sql")
