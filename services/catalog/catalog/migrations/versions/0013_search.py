"""Lists of products are filtered by text, status, link and problem."""

from common.db.migrate import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("catalog", "0013_search.sql")
