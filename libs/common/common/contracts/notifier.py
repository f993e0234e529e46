"""Events of notifier."""

from common.contracts.envelope import Event
from common.contracts.problems import Code


class RecheckRequested(Event):
    """A person asked to check now whether the cause of this problem is gone."""

    type = "notifier.recheck_requested.v1"

    code: Code
    subject: str = ""
