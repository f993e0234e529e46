"""Keeps the labels of merchants, creates those that Clover lacks, and puts them on items."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain

import structlog

from catalog.clover import labels as clover
from catalog.deps import Deps
from catalog.domain.items import LABELS, Item, ItemFields
from catalog.domain.labels import (
    LabelKind,
    Labels,
    Wanted,
    after,
    associations,
    ids_of,
)
from catalog.domain.matching import LOOK_AGAIN, Step, Write, hold_for_labels, lacks
from catalog.domain.products import ProductRecord
from catalog.kinds import PUSH_PRODUCT
from catalog.store import items, labels, products, pushes
from catalog.store.pushes import Pushed
from catalog.sync import lookups
from catalog.sync.former_groups import mark_unused
from catalog.sync.intents import intent
from common.clover.transport import MerchantApi
from common.contracts.problems import Code
from common.db.unit import Priority
from common.errors import Ambiguous, Forbidden, NotFound, Rejected, TimedOut, Unavailable
from common.work.batch import Batch

MOST_CREATED = 50
"""Labels that one batch creates, a call each; the products that need further ones stay due."""

log = structlog.get_logger()


async def read_labels(batch: Batch, deps: Deps) -> None:
    """Read the names of all labels."""
    async with deps.clover.session(batch.merchant_id, batch.priority) as api:
        try:
            for kind in LabelKind:
                await _read(batch, api, kind)
        except (Forbidden, Rejected, TimedOut, Unavailable) as error:  # a product that needs them asks again
            log.warning("labels not read", reason=str(error))


async def _read(batch: Batch, api: MerchantApi, kind: LabelKind) -> None:
    """Read all labels of this kind; mark the held products that may have waited for a new one, and those of a lost one.

    Clover sends no webhook about tags and tax rates, and lists none of their changes among those of items.
    """
    async with batch.database.connection() as conn:
        number = await items.draw_number(conn)
    shown = await clover.all_labels(api, kind)
    async with batch.unit() as unit:
        has_news = await labels.save(unit.conn, batch.merchant_id, kind, shown, number)
        gone = await labels.mark_deleted(unit.conn, batch.merchant_id, kind, shown, number, unit.now)
        concerned = await labels.stating(unit.conn, batch.merchant_id, kind, gone)
        concerned += await labels.held(unit.conn, batch.merchant_id, kind) if has_news else []
        unit.mark(PUSH_PRODUCT, batch.merchant_id, set(concerned), priority=Priority.BULK)


class LabelReader:
    """The labels of a merchant while a batch runs. Each kind is read from Clover at most once."""

    def __init__(self, batch: Batch, api: MerchantApi) -> None:
        self.batch = batch
        self.api = api
        self.labels = Labels()
        self._is_loaded = False
        self._read: set[LabelKind] = set()

    async def of_products(self, records: Iterable[ProductRecord], shown: Collection[Item]) -> Labels:
        """Return the labels to compare these products with items, read anew if one of them is not known.

        Labels that no product states are not looked at.
        """
        wanted = [each.wanted for each in records]
        if not any(each.states_labels for each in wanted):
            return self.labels
        if not self._is_loaded:
            await self.load()
        doubtful = [
            kind for kind in LabelKind if kind not in self._read and _is_doubtful(kind, wanted, shown, self.labels)
        ]
        return await self.read(doubtful) if doubtful else self.labels

    async def read(self, kinds: Iterable[LabelKind]) -> Labels:
        """Read the labels of these kinds from Clover."""
        for kind in kinds:
            await _read(self.batch, self.api, kind)
            self._read.add(kind)
        return await self.load()

    async def load(self) -> Labels:
        """Load what is stored."""
        async with self.batch.database.connection() as conn:
            self.labels = await labels.find(conn, self.batch.merchant_id)
        self._is_loaded = True
        return self.labels


def _is_doubtful(kind: LabelKind, wanted: Iterable[ItemFields], shown: Iterable[Item], known: Labels) -> bool:
    """Whether a product wants a label of this kind that is not known, or an item has one."""
    stated = {name for each in wanted for name in getattr(each, kind) or ()}
    if any(known.lack(Wanted(kind, name)) for name in stated):
        return True
    return any(known.unknown(kind, ids_of(each.details, kind) or ()) for each in shown)


async def prepare_labels(batch: Batch, deps: Deps, reader: LabelReader, steps: Sequence[Step]) -> list[Step]:
    """Create the labels that these steps need and Clover lacks; return the steps that have all they need.

    The others are held, or wait for a label whose creation has no answer.
    """
    needed: dict[Wanted, list[str]] = defaultdict(list)
    for step in steps:
        if not isinstance(step, Write):
            continue
        product_id, lacked = step.record.product.product_id, lacks(step, reader.labels)
        if hold := hold_for_labels(step, lacked):
            batch.hold(product_id, Code.PRODUCT_REJECTED, hold.reason)
        else:
            for each in lacked:
                needed[each].append(product_id)
    if needed:
        await _create_all(batch, deps, reader, needed)
    return [each for each in steps if each.record.product.product_id not in batch.outcomes]


async def _create_all(batch: Batch, deps: Deps, reader: LabelReader, needed: Mapping[Wanted, Sequence[str]]) -> None:
    async with batch.database.connection() as conn:
        begun = await labels.creations(conn, batch.merchant_id)
    settled, created = batch.now - deps.create_settle, set[tuple[LabelKind, str]]()
    for wanted, every in needed.items():
        product_ids = [each for each in every if each not in batch.outcomes]
        begun_at = begun.get(wanted.key)
        if not product_ids or wanted.key in created:
            continue
        if begun_at and begun_at > settled:  # it may still appear
            _retry(batch, product_ids, min(LOOK_AGAIN, begun_at - settled))
        elif len(created) == MOST_CREATED:
            _retry(batch, product_ids, timedelta(0))
        else:
            created.add(wanted.key)
            await _create_for(batch, reader.api, wanted, product_ids)
    await reader.load()


async def _create_for(batch: Batch, api: MerchantApi, wanted: Wanted, product_ids: Sequence[str]) -> None:
    """Create the label; if that is refused or in doubt, it concerns these products alone."""
    try:
        await _create(batch, api, wanted)
    except Rejected as error:
        for each in product_ids:
            batch.hold(each, Code.PRODUCT_REJECTED, str(error))
    except Ambiguous as error:
        for each in product_ids:
            batch.failed(each, error)


async def _create(batch: Batch, api: MerchantApi, wanted: Wanted) -> None:
    async with intent(
        batch,
        lambda unit: labels.begin_creation(unit.conn, batch.merchant_id, wanted, unit.now),
        lambda unit: labels.end_creation(unit.conn, batch.merchant_id, wanted),
    ):
        label = await clover.create_label(api, wanted.kind, wanted.name)
    async with batch.unit() as unit:
        await labels.save_created(unit.conn, batch.merchant_id, wanted, label)


def _retry(batch: Batch, product_ids: Iterable[str], after: timedelta) -> None:
    for each in product_ids:
        batch.retry(each, after)


async def assign_labels(batch: Batch, reader: LabelReader, steps: Sequence[Step]) -> None:
    """Put the labels on those items whose own fields are written; their products are done then.

    The written items are read from the database, so that nothing is lost between the calls for the items and these.
    """
    wanted = {
        step.record.product.product_id: step.record
        for step in steps
        if isinstance(step, Write) and step.record.wanted.states_labels
    }
    if not wanted:
        return
    async with batch.database.connection() as conn:
        stored = await products.find_all(conn, batch.merchant_id, list(wanted))
        shown = await items.find(conn, batch.merchant_id, [each.item_id for each in stored if each.item_id])
    pushed = [
        Pushed(record, each.item_id, record.wanted, each.seen, written=LABELS)
        for each in stored
        if each.item_id in shown and each.item_id and _lacks_labels(record := wanted[each.product.product_id], each)
    ]
    if not pushed:
        return
    for each in pushed:
        batch.reopen(each.record.product.product_id)
    try:
        await _associate(batch, reader, pushed, shown)
    except (NotFound, Rejected):
        if not await _is_explained(batch, reader, pushed):
            raise
        _retry(batch, [each.record.product.product_id for each in pushed], timedelta(0))  # they are planned anew


def _lacks_labels(record: ProductRecord, stored: ProductRecord) -> bool:
    changes = record.wanted.changes_from(stored.last_pushed)
    return bool(changes) and changes.keys() <= set(LABELS)


async def _associate(batch: Batch, reader: LabelReader, pushed: Sequence[Pushed], shown: Mapping[str, Item]) -> None:
    made = {each.item_id: associations(shown[each.item_id], each.fields, reader.labels) for each in pushed}
    writes = [(each.record, _labels(each)) for each in pushed]
    async with batch.unit() as unit:
        await pushes.start_writes(unit.conn, batch.merchant_id, writes)
        number = await items.draw_number(unit.conn)
    await clover.associate(reader.api, chain.from_iterable(made.values()))
    async with batch.unit() as unit:
        changed = [after(shown[item_id], found) for item_id, found in made.items() if found]
        await labels.save_associations(unit.conn, batch.merchant_id, changed, number)
        await pushes.save(unit.conn, batch.merchant_id, pushed)
        await mark_unused(unit, batch.merchant_id)
    batch.done |= {each.record.product.product_id for each in pushed}


def _labels(pushed: Pushed) -> dict[str, object]:
    return {name: value for name in LABELS if (value := getattr(pushed.fields, name)) is not None}


async def _is_explained(batch: Batch, reader: LabelReader, pushed: Sequence[Pushed]) -> bool:
    """Return whether an item or a label was deleted meanwhile, for which Clover refuses the whole call."""
    before = reader.labels
    item_ids = [each.item_id for each in pushed]
    found = await lookups.read_items(batch, reader.api, item_ids)
    now = await reader.read(LabelKind)
    return len(found) < len(item_ids) or now.has_lost(before)
