"""What notifier tells: what people ask for on the dashboard."""

from common.contracts.envelope import Event
from common.contracts.problems import Code


class RecheckRequested(Event):
    """Somebody says the cause of this problem is gone: look now."""

    type = "notifier.recheck_requested.v1"

    code: Code
    subject: str = ""
