"""Fixtures for all tests: real back-ends, and an empty, migrated database for each test that asks for one."""

from tests.support.backends import amqp_url, backends, postgres_dsn
from tests.support.database import database_dsn, migrated

__all__ = ["amqp_url", "backends", "database_dsn", "migrated", "postgres_dsn"]
