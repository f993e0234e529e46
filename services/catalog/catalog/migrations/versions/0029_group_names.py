"""Former names of the parents of variants."""

from common.db.migrate import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_sql("catalog", "0029_group_names.sql")
