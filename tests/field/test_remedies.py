"""Users met: remedies that closed nothing. Each problem is played from its cause to "resolved" by its own words.

Check again is pressed exactly when the remedy asks for it. The plays wait more than they work, so all chosen ones run
side by side from the first test on, each with a merchant of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from tests.field.conftest import MailedSystem
from tests.field.plays import PLAYS, WITHOUT_WEBHOOKS
from tests.field.stage import staged
from tests.support.eventually import eventually
from tests.support.running import PATIENCE

from common import messages
from common.contracts.problems import Code, Severity
from quicksync_dev.demo.world import Json

pytestmark = pytest.mark.timeout(300)

TEXTS = messages.for_locale()


@pytest.fixture(scope="module")
async def performances(
    request: pytest.FixtureRequest, mailed_system: MailedSystem
) -> AsyncIterator[Mapping[Code, asyncio.Task[None]]]:
    """The plays of this run's tests, started. Those that need webhooks wait until none are lost any more."""
    chosen = [
        Code(str(item.callspec.params["code"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_a_remedy_works_by_its_words
    ]
    webhooks_come = asyncio.Event()
    tasks = {code: asyncio.create_task(_perform(mailed_system, code, webhooks_come)) for code in chosen}
    if Code.WEBHOOKS_MISSING not in chosen:
        webhooks_come.set()
    yield tasks
    for each in tasks.values():
        each.cancel()


async def _perform(mailed_system: MailedSystem, code: Code, webhooks_come: asyncio.Event) -> None:
    if code not in WITHOUT_WEBHOOKS:
        await webhooks_come.wait()
    try:
        await _play(mailed_system, code)
    finally:
        if code is Code.WEBHOOKS_MISSING:
            webhooks_come.set()


async def _play(mailed_system: MailedSystem, code: Code) -> None:
    play = PLAYS[code]
    async with staged(mailed_system) as stage:
        await play.cause(stage)
        problem: Json = await eventually(lambda: stage.problem(code), within=PATIENCE)
        if code.severity is Severity.DECISION:
            assert [each for each in problem["affected"] if each["subject"] and each["reason"]], problem
        page = await stage.page()
        assert TEXTS.title(code).partition(":")[0].replace("'", "&#39;") in page
        assert ("All is well" in page, "Check again" in page) == (False, True)

        await play.remedy(stage)
        if "Check again" in problem["remedy"]:
            await stage.check_again(problem)
        resolved: Json = await eventually(lambda: stage.problem(code, "resolved"), within=PATIENCE)
        assert (resolved["resumed_count"] > 0) == play.resumes
        assert resolved["resolved_message"] == TEXTS.resolved(code, resolved["resumed_count"])
        await play.outcome(stage)
        assert await stage.problem(code) is None


@pytest.mark.parametrize("code", list(Code))
async def test_a_remedy_works_by_its_words(performances: Mapping[Code, asyncio.Task[None]], code: Code) -> None:
    """The cause shows the problem with its remedy; the remedy, followed, resolves it and does what it promises."""
    await performances[code]
