"""Alembic's side of the migrations."""
