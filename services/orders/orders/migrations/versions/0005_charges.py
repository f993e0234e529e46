"""Discounts, shipping, taxes and payments of orders, and the taxes of merchants."""

from common.db.migrate import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("orders", "0005_charges.sql")
