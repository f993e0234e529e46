"""How inventory and Clover are brought together: counts into the ledger, our numbers into Clover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from common.clock import Clock
from common.clover.transport import Api, Clover
from common.contracts.problems import Code
from common.db.database import Database
from common.db.unit import Priority, Unit
from common.errors import Ambiguous, AppError, Forbidden, Permanent, Throttled, Transient
from common.ids import uuid7
from common.pauses import backoff
from common.work.batch import Batch, Kind, Waits
from inventory import clover, domain, store
from inventory.domain import PUSH_STOCK, READ_STOCK, SWEEP, Fate, Level, Push

AT_ONCE = timedelta(0)
FIRST_LOOK = timedelta(seconds=1)
"""How soon after a write of unknown fate Clover is looked at."""

GIVE_UP = 2
"""So many failures in one batch are Clover's, not an item's."""


@dataclass(frozen=True)
class Deps:
    """`patience` is how long a write may take to arrive: none is sent, and none still counted on, after that."""

    database: Database
    clover: Clover
    clock: Clock
    patience: timedelta
    sweep_every: timedelta


@dataclass(frozen=True)
class Finding:
    """What is known of a push now: its fate, what Clover shows if it was read, and what went wrong, if anything."""

    push: Push
    fate: Fate
    count: int | None = None
    error: AppError | None = None


async def read_stock(batch: Batch, deps: Deps) -> None:
    """Bring Clover's counts of these items into the ledger."""
    known = await _known(batch)
    async with deps.clover.speak(batch.merchant_id) as api:
        reading = await clover.read_counts(api, batch.keys, known)
    async with batch.unit() as unit:
        await _account(unit, batch.merchant_id, reading)
        linked = await store.linked_among(unit.conn, batch.merchant_id, list(reading.refused))
    for item_id in linked:
        batch.hold(item_id, Code.STOCK_REJECTED, reading.refused[item_id])


async def sweep(batch: Batch, deps: Deps) -> None:
    """Read every count there is: the guarantee behind the hints, for what Clover changed and for what we did."""
    seen: set[str] = set()
    async with deps.clover.speak(batch.merchant_id) as api:
        async for reading in clover.read_pages(api):
            async with batch.unit() as unit:
                await _account(unit, batch.merchant_id, reading)
            seen |= reading.counts.keys()
    async with batch.unit() as unit:
        unit.mark(READ_STOCK, batch.merchant_id, await store.linked_beyond(unit.conn, batch.merchant_id, list(seen)))
        unit.mark(PUSH_STOCK, batch.merchant_id, await store.pending(unit.conn, batch.merchant_id))
    for key in batch.keys:
        batch.again(key, deps.sweep_every)


async def push_stock(batch: Batch, deps: Deps) -> None:
    """Bring our numbers of these items into Clover, which takes absolute counts only and cannot compare-and-set.

    What is to be written is recorded before; it is sent only if a reading immediately before shows what it was
    planned on, and read back after, by the work of reading. A write of unknown fate is settled by reading, never by
    repeating it.
    """
    async with deps.clover.speak(batch.merchant_id) as api:
        await _settle_doubts(batch, deps, api)
        pushes = await _open(batch, deps)
        findings = await _write(api, pushes, deps)
    for level in await _conclude(batch, deps, findings):
        if level.must_push and level.item_id not in batch.outcomes:
            batch.again(level.item_id, AT_ONCE)


async def _known(batch: Batch) -> int:
    async with batch.database.connection() as conn:
        return await store.count_levels(conn, batch.merchant_id)


async def _account(unit: Unit, merchant_id: str, reading: clover.Reading) -> None:
    """Turn counts into movements. Items with a push in doubt are left to whoever settles it."""
    news = await store.news(unit.conn, merchant_id, reading.counts)
    if not news:
        return
    await store.add_levels(unit, merchant_id, news)
    levels = await store.lock_levels(unit, merchant_id, news)
    doubtful = await store.open_pushes(unit.conn, merchant_id, news)
    moved = [
        domain.observe(level, reading.counts[level.item_id], unit.now)
        for level in levels
        if level.item_id not in doubtful
    ]
    await _record(unit, merchant_id, moved)


async def _record(unit: Unit, merchant_id: str, moved: Sequence[domain.Moved]) -> None:
    movements = [each.movement for each in moved if each.movement is not None]
    await store.record(unit, merchant_id, [each.level for each in moved], movements)


async def _settle_doubts(batch: Batch, deps: Deps, api: Api) -> None:
    """Find out by reading what became of writes whose answer never came."""
    async with batch.database.connection() as conn:
        doubtful = await store.open_pushes(conn, batch.merchant_id, batch.keys)
    if not doubtful:
        return
    reading = await clover.read_counts(api, list(doubtful), await _known(batch))
    await _conclude(batch, deps, [_found(push, reading, batch) for push in doubtful.values()])


def _found(push: Push, reading: clover.Reading, batch: Batch) -> Finding:
    if push.item_id in reading.refused:
        return Finding(push, Fate.NOT_APPLIED, error=Permanent(reading.refused[push.item_id]))
    count = reading.counts[push.item_id]
    return Finding(push, domain.judge(push, count, batch.now), count)


async def _open(batch: Batch, deps: Deps) -> list[Push]:
    """Record what is about to be written, committed before the first byte leaves."""
    keys = [key for key in batch.keys if key not in batch.outcomes]
    async with batch.unit() as unit:
        levels = await store.lock_levels(unit, batch.merchant_id, keys)
        # A process that dies now may have sent this until `patience` is over, and Clover may apply it as much later.
        until = unit.now + 2 * deps.patience
        planned = [domain.plan_push(level, uuid7(), unit.now, until) for level in levels]
        pushes = [push for push in planned if push is not None]
        await store.add_pushes(unit, batch.merchant_id, pushes)
    return pushes


async def _write(api: Api, pushes: Sequence[Push], deps: Deps) -> list[Finding]:
    """Write one after another, so that no call of ours comes between the reading and the writing of an item."""
    findings: list[Finding] = []
    failures = 0
    for push in pushes:
        if failures >= GIVE_UP or deps.clock.now() > push.opened_at + deps.patience:
            findings.append(Finding(push, Fate.NOT_APPLIED))
            continue
        finding = await _write_one(api, push)
        findings.append(finding)
        match finding.error:
            case Throttled() | Forbidden():
                failures = GIVE_UP
            case Transient():
                failures += 1
    return findings


async def _write_one(api: Api, push: Push) -> Finding:
    try:
        count = await clover.read_count(api, push.item_id)
        if not domain.may_write(push, count):
            return Finding(push, Fate.NOT_APPLIED, count)
        await clover.write_count(api, push.item_id, push.target)
    except Ambiguous as error:
        return Finding(push, Fate.UNKNOWN, error=error)
    except AppError as error:
        return Finding(push, Fate.NOT_APPLIED, error=error)
    return Finding(push, Fate.APPLIED)


async def _conclude(batch: Batch, deps: Deps, findings: Sequence[Finding]) -> list[Level]:
    """Write down what is known of these pushes and say when each item is taken again; the levels after."""
    if not findings:
        return []
    known = {each.push.item_id: each for each in findings if each.fate is not Fate.UNKNOWN}
    in_doubt = [each.push for each in findings if isinstance(each.error, Ambiguous)]
    async with batch.unit() as unit:
        levels = await store.lock_levels(unit, batch.merchant_id, list(known))
        moved = [_settled(level, known[level.item_id], unit) for level in levels]
        await _record(unit, batch.merchant_id, moved)
        await store.close_pushes(unit, [(each.push, each.fate) for each in known.values()])
        await store.doubt_longer(unit, in_doubt, unit.now + deps.patience)
        _tell_pushed(unit, batch.merchant_id, levels, known)
    for finding in findings:
        _say(batch, finding)
    return [each.level for each in moved]


def _settled(level: Level, finding: Finding, unit: Unit) -> domain.Moved:
    return domain.settle(level, finding.push, finding.fate, finding.count, unit.now)


def _tell_pushed(unit: Unit, merchant_id: str, levels: Sequence[Level], known: Mapping[str, Finding]) -> None:
    for level in levels:
        push, fate = known[level.item_id].push, known[level.item_id].fate
        if fate is Fate.APPLIED:
            unit.emit(domain.told_pushed(merchant_id, level, push))
            # The reading back: what Clover shows instead of the target is an inbound movement.
            unit.mark(READ_STOCK, merchant_id, level.item_id, priority=Priority.LIVE)


def _say(batch: Batch, finding: Finding) -> None:
    """When, if ever, an item is taken again whose push did not end well."""
    item_id = finding.push.item_id
    match finding.error:
        case Throttled() | Forbidden() as error:
            raise error  # not of this item: all that is left waits alike
        case Ambiguous():
            batch.again(item_id, FIRST_LOOK)
        case Permanent() as error:
            batch.hold(item_id, Code.STOCK_REJECTED, str(error))
        case Transient() as error:
            tries = next(row.attempts for row in batch.rows if row.key == item_id) + 1
            batch.outcomes[item_id] = Waits(batch.now + backoff(tries), failed=True, reason=str(error))
        case None if finding.fate is Fate.UNKNOWN:
            batch.again(item_id, finding.push.doubtful_until - batch.now)


SYNC = [
    Kind(READ_STOCK, read_stock, refused=Code.STOCK_REJECTED, batch=200),
    Kind(PUSH_STOCK, push_stock, refused=Code.STOCK_REJECTED, batch=20),
    Kind(SWEEP, sweep, refused=Code.STOCK_REJECTED, batch=1),
]
