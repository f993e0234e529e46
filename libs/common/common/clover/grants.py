"""Grants: permission to call Clover, lent by catalog for seconds.

A process has a lease: its share of the calls that Clover allows the app. For a merchant it has a grant: the merchant's
token with a share of the calls that Clover allows this token.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.http.routes import Input
from common.ids import MerchantId

MOST_MERCHANTS = 200
"""Merchants in one request, and so the merchants whose turns a process prepares at once."""


class Want(StrEnum):
    """How much a process could use: of the app's calls, or of one merchant's."""

    LITTLE = "little"
    """For single calls and short visits."""

    ALL = "all"
    """As much as there is: calls wait."""


@dataclass(frozen=True)
class InUse:
    """The part of the app's limit that a process may use at a moment.

    `calls` may reach Clover within one second, and `in_flight` may be under way at once.
    """

    calls: int = 0
    in_flight: int = 0

    def or_more(self, other: "InUse") -> "InUse":
        """Return the use that covers both."""
        return InUse(max(self.calls, other.calls), max(self.in_flight, other.in_flight))


@dataclass(frozen=True)
class Lease:
    """A process's share of the app's calls: `rate` calls per second, of them `background_rate` for background work.

    Good for `expires_in` seconds from its receipt, to be renewed after `renew_in`.
    """

    rate: float
    background_rate: float
    concurrency: int
    renew_in: float
    expires_in: float

    @property
    def calls(self) -> int:
        """The calls that may reach Clover within one second."""
        return max(1, int(self.rate))

    @property
    def in_use(self) -> InUse:
        """The calls that the process may use at once."""
        return InUse(self.calls, self.concurrency)


@dataclass(frozen=True)
class Grant:
    """Permission to call Clover for a merchant: `rate` calls per second, `concurrency` at once, for `expires_in` s.

    A session that has made a call and makes another after `renew_in` seconds asks for all it can have.
    """

    merchant_id: str
    region: str
    access_token: str = field(repr=False)
    rate: float
    concurrency: int
    renew_in: float
    expires_in: float


class Leases(Protocol):
    """A source of the process's lease, and of grants that are taken ahead."""

    def expect(self, merchant_ids: list[str]) -> None:
        """Name the merchants whose turns come next; their grants are taken together with the next that is needed."""
        ...

    async def lease(self, want: Want) -> Lease:
        """Take or renew the process's lease. Raise Throttled when the app's calls are taken, or Unavailable."""
        ...

    def report(self, in_use: InUse) -> None:
        """Report the calls that may be in use at any moment; catalog lends them to nobody else."""
        ...

    def renewed(self, want: Want) -> Lease | None:
        """Return the lease that was renewed together with grants, once; it replaces the one in use at once.

        `want` is the share that the process would ask for now.
        """
        ...


class MerchantGrants(Protocol):
    """A source of grants. `Clover` opens and closes one that is an async context manager."""

    async def take(self, merchant_id: str, want: Want, in_flight: int = 0) -> Grant:
        """Take the grant for the merchant, or renew it for calls that are in flight.

        Raise Throttled when its calls are taken, Forbidden when the merchant is not connected, or Unavailable.
        """
        ...

    def forget(self, merchant_id: str) -> None:
        """Forget the merchant's token: Clover refused it, or another one may be stored."""
        ...


class Grants(Leases, MerchantGrants, Protocol):
    """A source of both, as each service has one."""


CallsInFlight = Annotated[int, Field(ge=0, le=10_000)]
"""Calls that were started under an earlier share and are not over: their places stay taken by it."""


class MerchantRequest(Input):
    """One merchant for which the process calls now, or expects to."""

    model_config = ConfigDict(extra="ignore")

    merchant_id: MerchantId
    want: Want = Want.LITTLE
    is_expected: bool = False
    in_flight: CallsInFlight = 0


class GrantRequest(Input):
    """Body of catalog's POST /internal/grants. `holder` is the calling process; a repetition prolongs its shares.

    `calls` of the app's may reach Clover within one second, and `in_flight` be under way, until the process has the
    answer: they stay counted, also when a smaller share is lent. One that `continues` makes single calls if there is no
    answer. `number` grows with each request, so that one that was overtaken on its way changes nothing.

    Fields of a newer version are ignored: during an upgrade, its processes would have no grants.
    """

    model_config = ConfigDict(extra="ignore")

    holder: UUID
    service: Annotated[str, Field(min_length=1, max_length=40)]
    lease: Want | None = None
    calls: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    in_flight: CallsInFlight = 0
    continues: bool = False
    number: Annotated[int, Field(ge=0, lt=2**63)] = 0
    merchants: Annotated[list[MerchantRequest], Field(max_length=MOST_MERCHANTS, default_factory=list)]


class Refusal(StrEnum):
    """Why a merchant has no grant."""

    NOT_CONNECTED = "not_connected"
    TAKEN = "taken"
    RENEWING = "renewing"
    """Its token has expired, and the next one is being asked of Clover."""


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LeaseAnswer(BaseModel):
    """A lease in the response."""

    rate: Positive
    background_rate: Positive
    concurrency: Annotated[int, Field(ge=1)]
    renew_in: Positive
    expires_in: Positive


class GrantAnswer(BaseModel):
    """One merchant's grant in the response. It holds the token in clear text and is never logged."""

    merchant_id: MerchantId
    region: str
    access_token: str = Field(repr=False)
    rate: Positive
    concurrency: Annotated[int, Field(ge=1)]
    renew_in: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    expires_in: Positive


class Lent(BaseModel):
    """Response body of catalog's POST /internal/grants. Without a lease that was asked for, the app's calls are taken.

    An expected merchant that is missing has no calls to spare; its grant is asked for when its turn comes.
    """

    lease: LeaseAnswer | None = None
    grants: list[GrantAnswer] = []
    refused: dict[MerchantId, Refusal] = {}


Lend = Callable[[GrantRequest], Awaitable[Lent]]
"""Asks catalog. Raises Unavailable when it cannot be reached."""
