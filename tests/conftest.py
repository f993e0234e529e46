"""Fixtures for all tests: real back-ends, and a migrated database for each test that asks for one."""

from tests.support.backends import amqp_url, backends, postgres_dsn
from tests.support.database import database_dsn, template

__all__ = ["amqp_url", "backends", "database_dsn", "postgres_dsn", "template"]
