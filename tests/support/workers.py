"""Tests on several processes (pytest-xdist): the services of the controlling process for its workers.

It starts the back-ends and migrates a template database, once, when a test that may need them has been collected. The
workers find the addresses in a file.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ON_BACKENDS = ("tests/integration/", "tests/field/", "tests/e2e/", "tests/chaos/")
ADDRESSES = "addresses"


def shared(config: pytest.Config) -> Mapping[str, str] | None:
    """Return the addresses that the controlling process wrote down; None in a run without workers."""
    workerinput = getattr(config, "workerinput", None)
    return json.loads(Path(workerinput[ADDRESSES]).read_text()) if workerinput else None


def escaped(sent: Any) -> Any:
    """Return the same with lone surrogates escaped: execnet refuses them, and tests of hostile input print them."""
    match sent:
        case str():
            return sent.encode(errors="backslashreplace").decode()
        case dict():
            return {key: escaped(value) for key, value in sent.items()}
        case list() | tuple():
            return type(sent)(escaped(each) for each in sent)
        case _:
            return sent


class Controller:
    """The plugin of the controlling process; in a run without workers there is nothing to do for it."""

    def __init__(
        self,
        start: Callable[[], AbstractAsyncContextManager[Mapping[str, str]]],
        group: Callable[[str], str | None],
    ) -> None:
        self._start = start
        self._group = group
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()

    @cached_property
    def _file(self) -> Path:
        """The file of the addresses, in a folder that a run without workers never makes."""
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="quicksync-workers-"))
        return Path(folder) / "addresses.json"

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep each group on one worker. The plugin's own loadgroup does not, with pytest 9.2: it renames no test."""
        from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only a run with workers needs it

        scheduler = LoadScopeScheduling(config, log)
        scheduler._split_scope = lambda nodeid: self._group(nodeid) or nodeid  # noqa: SLF001 - the one place to say it
        return scheduler

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[ADDRESSES] = str(self._file)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """No worker gets a test before all have collected theirs."""
        if not self._file.exists() and any(each.startswith(ON_BACKENDS) for each in ids):
            addresses = self._runner.run(self._stack.enter_async_context(self._start()))
            self._file.write_text(json.dumps(addresses))

    def pytest_unconfigure(self) -> None:
        """All workers have ended. The runner stops the back-ends and deletes the folder, also after Ctrl-C."""
        with self._runner:
            self._runner.run(self._stack.aclose())
