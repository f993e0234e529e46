"""Fixtures for all tests, how they are spread over several processes, and how long Hypothesis searches."""

import gc
import os
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.support import logs, workers
from tests.support.backends import amqp_url, backends, chosen_backends, postgres_dsn, start_postgres, start_rabbitmq
from tests.support.database import database_dsn, migrated, migrated_database, name_of

__all__ = ["amqp_url", "backends", "database_dsn", "migrated", "postgres_dsn"]

logs.configure()
settings.register_profile("everyday", deadline=None, max_examples=20)
settings.register_profile("ci", deadline=None, max_examples=20, derandomize=True, print_blob=True)
settings.register_profile("night", deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "everyday"))

GROUPS = {
    "tests/e2e/test_story.py": "e2e",
    "tests/chaos/test_kill.py::test_the_story_ends_the_same_after_a_server": "servers",
    "tests/chaos/test_kill.py": "kill",
    "tests/chaos/": "chaos",
    "tests/integration/dev/test_backends.py": "dev",
    "tests/e2e/test_other_clovers.py": "clovers",
    "tests/field/test_remedies.py": "remedies",
    "tests/field/test_a_merchant_disconnects.py": "remedies",
    "tests/integration/dev/test_system.py": "launcher",
    "tests/integration/dev/": "dev",
    "tests/e2e/test_wheels.py": "wheels",
    "tests/e2e/test_two_builds.py": "builds",
    "tests/e2e/": "e2e",
    "tests/integration/engine/test_worker.py": "worker",
    "tests/integration/engine/test_held_work.py": "worker",
    "tests/integration/engine/test_failing_work.py": "worker",
    "tests/integration/engine/test_outcome_hook.py": "worker",
    "tests/integration/engine/": "engine",
    "tests/integration/notifier/test_dashboard_page.py": "browser",
}
"""Tests that share a slow start, or wait more than they work, by the first path that fits. A group runs on one worker.

Groups start in this order, the longest first, before all other tests: these work, and fill the workers to the end.
"""


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all tests are collected: nothing of them is garbage
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(workers.Controller(_shared, _group))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let a worker send any report of a test."""
    return workers.escaped((yield))


def pytest_collection_finish() -> None:
    """Leave the collected tests out of every garbage collection to come: they live to the end, and are large."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = [*dict.fromkeys(GROUPS.values()), None]
    items.sort(key=lambda item: order.index(_group(item.nodeid)))


def _group(nodeid: str) -> str | None:
    return next((group for path, group in GROUPS.items() if nodeid.startswith(path)), None)


@asynccontextmanager
async def _shared() -> AsyncIterator[Mapping[str, str]]:
    """The back-ends of a run with workers, started, and a migrated database to be copied."""
    async with chosen_backends(os.environ) as chosen:
        dsn, amqp = await start_postgres(chosen), await start_rabbitmq(chosen)
        async with migrated_database(dsn) as template:
            yield {"QS_POSTGRES_DSN": dsn, "QS_AMQP_URL": amqp, "template": name_of(template)}
