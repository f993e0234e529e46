"""Users met: remedies that closed nothing. Each problem is played from its cause to "resolved" by its own words.

Check again is pressed exactly when the remedy asks for it.
"""

import pytest
from tests.field.conftest import MailedSystem
from tests.field.plays import PLAYS
from tests.field.stage import staged
from tests.support.eventually import eventually

from common import messages
from common.contracts.problems import Code, Severity
from quicksync_dev.demo.world import Json

pytestmark = pytest.mark.timeout(300)

TEXTS = messages.for_locale()


@pytest.mark.parametrize("code", list(Code))
async def test_a_remedy_works_by_its_words(mailed_system: MailedSystem, code: Code) -> None:
    """The cause shows the problem with its remedy; the remedy, followed, resolves it and does what it promises."""
    play = PLAYS[code]
    async with staged(mailed_system) as stage:
        await play.cause(stage)
        problem: Json = await eventually(lambda: stage.problem(code), within=play.within)
        if code.severity is Severity.DECISION:
            assert [each for each in problem["affected"] if each["subject"] and each["reason"]], problem
        page = await stage.page()
        assert TEXTS.title(code).partition(":")[0].replace("'", "&#39;") in page
        assert ("All is well" in page, "Check again" in page) == (False, True)

        await play.remedy(stage)
        if "Check again" in problem["remedy"]:
            await stage.check_again(problem)
        resolved: Json = await eventually(lambda: stage.problem(code, "resolved"), within=120)
        assert (resolved["resumed_count"] > 0) == play.resumes
        assert resolved["resolved_message"] == TEXTS.resolved(code, resolved["resumed_count"])
        await play.outcome(stage)
        assert await stage.problem(code) is None
