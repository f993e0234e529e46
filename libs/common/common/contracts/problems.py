"""The closed list of problems that need a person, with their severity, their words and their remedy."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from common.contracts.envelope import Event

SUPPORT = (
    "If you need help, write to support@quicksync.pro and include your QuickSync account email, your Clover region "
    "(US or EU) and a brief description or screenshot of the issue."
)


class Severity(StrEnum):
    """How much it matters: blocked stops something, a decision waits for one, information only tells."""

    BLOCKED = "blocked"
    DECISION = "decision"
    INFORMATION = "information"


class Code(StrEnum):
    """Every problem there is. A new one is added here, with its words below."""

    ORDER_TYPE_MISSING = "order_type_missing"
    TENDER_MISSING = "tender_missing"
    CONNECTION_LOST = "connection_lost"
    CLOVER_UNREACHABLE = "clover_unreachable"
    ORDER_REJECTED = "order_rejected"
    PRODUCT_REJECTED = "product_rejected"
    STOCK_REJECTED = "stock_rejected"
    EMAIL_REJECTED = "email_rejected"
    EMAIL_DELAYED = "email_delayed"


@dataclass(frozen=True)
class Words:
    """How a problem reads: what stopped, why, what the person does, what waits (`{n}` of them), what was done."""

    severity: Severity
    title: str
    explanation: str
    remedy: str
    waiting: str
    solved: str


WORDS = {
    Code.ORDER_TYPE_MISSING: Words(
        Severity.BLOCKED,
        "Orders are waiting: Clover has no order type named “QuickSync”",
        "QuickSync files every order it sends to Clover under an order type named “QuickSync”. Your Clover does not "
        "have it yet, so orders are kept safe here and are not sent. Nothing is lost.",
        "In Clover, open Setup → Order Types, add an order type named exactly “QuickSync” and save. The waiting "
        "orders are then sent by themselves, oldest first.",
        "{n} waiting",
        "The order type exists now. {n} sent to Clover.",
    ),
    Code.TENDER_MISSING: Words(
        Severity.BLOCKED,
        "Orders are waiting: Clover has no “External Payment” tender",
        "QuickSync records payments under Clover's own tender “External Payment”. Your Clover does not offer it.",
        "In Clover, open Setup → Payments → Tenders and switch “External Payment” on.",
        "{n} waiting",
        "The tender is there now. {n} sent to Clover.",
    ),
    Code.CONNECTION_LOST: Words(
        Severity.BLOCKED,
        "QuickSync can no longer sign in to your Clover",
        "Clover refuses our access: the app was removed, a permission was taken away, or the access expired.",
        "Connect Clover again in QuickSync under Stores → Clover → Reconnect. Everything that waits is then sent.",
        "{n} waiting",
        "Clover is connected again. {n} that waited went through.",
    ),
    Code.CLOVER_UNREACHABLE: Words(
        Severity.BLOCKED,
        "Clover has not taken our calls for some minutes",
        "Clover does not answer, or answers with errors. What is to be sent is kept safe here and tried again by "
        "itself, every minute or so. Nothing is lost.",
        "You need do nothing: it goes on by itself as soon as Clover answers. If Clover works as usual in your store, "
        "write to us.",
        "{n} waiting",
        "Clover answers again. {n} that waited went through.",
    ),
    Code.ORDER_REJECTED: Words(
        Severity.DECISION,
        "Clover did not accept an order",
        "Clover refused these orders as they are. The others are not affected.",
        "On the dashboard, under What happened, stands each order with Clover's reason. Correct it in the store it "
        "came from, or cancel it there, then press Check again.",
        "{n} refused",
        "{n} refused before went through.",
    ),
    Code.PRODUCT_REJECTED: Words(
        Severity.DECISION,
        "Clover did not accept a product",
        "Clover refused these products as they are. The others are not affected.",
        "Most often two items in Clover have one SKU, or Clover does not take a name or price. Correct the product in "
        "QuickSync or the item in Clover, then press Check again. If you cannot tell which it is, write to us.",
        "{n} refused",
        "{n} refused before went through.",
    ),
    Code.STOCK_REJECTED: Words(
        Severity.DECISION,
        "Clover did not accept a stock count",
        "Clover refused to read or write the stock of these items. The others are not affected.",
        "Most often an item was deleted in Clover. Add it there again with its SKU, or take the product off Clover in "
        "QuickSync, then press Check again on the dashboard. If you cannot tell which it is, write to us.",
        "{n} refused",
        "{n} refused before went through.",
    ),
    # Told on the dashboard alone: an e-mail about e-mail that cannot be sent would only be refused too.
    Code.EMAIL_REJECTED: Words(
        Severity.INFORMATION,
        "We could not send you an e-mail",
        "The mail server does not take e-mail for the address of your QuickSync account. Everything else goes on.",
        "Check the e-mail address of your account in QuickSync under Account → Profile.",
        "{n} refused",
        "{n} refused before went out.",
    ),
    Code.EMAIL_DELAYED: Words(
        Severity.INFORMATION,
        "Our e-mails to you are late",
        "Our mail server does not take e-mail at the moment. What we have to tell you is kept, and stands here too.",
        "You need do nothing: the e-mails are sent as soon as the server takes them.",
        "{n} waiting",
        "{n} that waited went out.",
    ),
}


class ProblemOpened(Event):
    """Something needs a person, or still does: a repeat only brings the number that wait up to date.

    Repeats may overtake one another; of those with one `opened_at` the highest `revision` is the last.
    """

    type = "problem.opened.v1"

    code: Code
    subject: str = ""
    waiting: Annotated[int, Field(ge=0)]
    opened_at: datetime
    revision: Annotated[int, Field(ge=1)]


class ProblemClosed(Event):
    """The cause is gone, and what waited for it went through: `resumed_count` of them."""

    type = "problem.closed.v1"

    code: Code
    subject: str = ""
    resumed_count: Annotated[int, Field(ge=0)]
    opened_at: datetime
