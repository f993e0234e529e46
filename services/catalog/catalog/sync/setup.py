"""Checks a merchant's setup in Clover, again and again; each failing check is a problem that closes itself."""

from collections.abc import Mapping
from datetime import datetime

from catalog.clover import setup as clover
from catalog.deps import Deps
from catalog.domain.choices import Choices
from catalog.domain.setup import (
    PROBLEMS,
    Check,
    CheckState,
    Finding,
    Recorded,
    Webhooks,
    WebhookStep,
    first_record,
    found,
    look_again_after,
)
from catalog.kinds import ACCESS, CHECK_ACCESS
from catalog.store import choices, setup
from common import messages
from common.clover.transport import MerchantApi
from common.contracts.problems import Affected
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import Forbidden
from common.work.batch import Batch
from common.work.reports import report, withdraw


async def check_setup(batch: Batch, deps: Deps) -> None:
    """Make all checks; report those that began to fail, and withdraw those that do not any more."""
    [key] = batch.keys
    async with deps.database.connection() as conn:
        webhooks = await setup.webhooks(conn, batch.merchant_id, deps.webhook_patience)
        merchant = await merchants.find(conn, batch.merchant_id)
        chosen = await choices.find(conn, batch.merchant_id)
    if webhooks is None:
        return await _forget(batch)
    await deps.clover.forget_token(batch.merchant_id)  # that of an earlier connection may have other permissions
    try:
        async with deps.clover.session(batch.merchant_id, batch.priority, before_write=batch.check_lease) as api:
            findings = await _look(batch, api, merchant.currency, webhooks, chosen)
    except Forbidden as error:
        findings = [Finding(Check.TOKEN, CheckState.FAILED, str(error))]
    async with batch.unit() as unit:
        records = await _record(unit, batch.merchant_id, findings)
        if records[Check.TOKEN].failing_since:
            unit.mark(CHECK_ACCESS, batch.merchant_id, ACCESS, priority=Priority.LIVE)
    again = look_again_after(records, batch.now)
    step = webhooks.step(batch.now)
    is_waiting = step in {WebhookStep.WAIT, WebhookStep.PROVOKE}
    return batch.repeat(key, min(again, deps.webhook_patience) if is_waiting else again)


async def _look(batch: Batch, api: MerchantApi, currency: str, webhooks: Webhooks, chosen: Choices) -> list[Finding]:
    """Return the finding of each check. Raises Forbidden when Clover refuses the token for everything."""
    missing = await clover.missing_permissions(api)
    if len(missing) == len(clover.PROBES):
        raise Forbidden("Clover refuses every call with this token.")
    findings = [
        found(Check.TOKEN, is_ok=True),
        found(Check.PERMISSIONS, is_ok=not missing, detail=", ".join(missing)),
    ]
    if "MERCHANT_R" not in missing:
        properties = await clover.properties(api)
        findings += [
            found(Check.TRACK_STOCK, is_ok=properties.track_stock),
            found(Check.UPDATE_STOCK, is_ok=properties.update_stock),
            found(Check.CURRENCY, is_ok=properties.currency == currency, detail=f"{properties.currency}, {currency}"),
        ]
    may_write = chosen.provoke_webhooks and "INVENTORY_W" not in missing
    return [*findings, await _look_for_webhooks(batch, api, webhooks, may_write=may_write)]


async def _look_for_webhooks(batch: Batch, api: MerchantApi, webhooks: Webhooks, *, may_write: bool) -> Finding:
    """Return whether webhooks arrive. A quiet merchant's are provoked by a change of our own."""
    step = webhooks.step(batch.now)
    if step is WebhookStep.PROVOKE and may_write:
        async with batch.unit() as unit:
            await setup.note_provoked(unit.conn, batch.merchant_id, unit.now)
        await clover.provoke_webhook(api)
    match step:
        case WebhookStep.HEARD:
            return found(Check.WEBHOOKS, is_ok=True)
        case WebhookStep.MISSING:
            return found(Check.WEBHOOKS, is_ok=False)
        case _:
            return Finding(Check.WEBHOOKS, CheckState.UNKNOWN)


async def _record(unit: Unit, merchant_id: str, findings: list[Finding]) -> Mapping[Check, Recorded]:
    """Save the findings; report the new problems and withdraw those that are over."""
    before = await setup.find(unit.conn, merchant_id)
    records = dict(before)
    for finding in findings:
        known = before.get(finding.check)
        records[finding.check] = known.followed_by(finding, unit.now) if known else first_record(finding, unit.now)
    await setup.save(unit.conn, merchant_id, [records[finding.check] for finding in findings])
    for check, record in records.items():
        _announce(unit, merchant_id, record, before[check].failing_since if check in before else None)
    return records


def _announce(unit: Unit, merchant_id: str, record: Recorded, failed_since: datetime | None) -> None:
    code = PROBLEMS.get(record.finding.check)
    if code is None or record.failing_since == failed_since:
        return
    if failed_since:
        withdraw(unit, [merchant_id], code, failed_since)
    if record.failing_since:
        report(unit, [merchant_id], code, record.failing_since, [_affected(record.finding)])


def _affected(finding: Finding) -> Affected:
    """Return the subject of a failing check, in words for the merchant."""
    texts = messages.for_locale()
    return Affected(
        subject=texts.text(f"setup.{finding.check}"),
        reason=texts.text(f"setup.{finding.check}.failed", detail=finding.detail),
    )


async def _forget(batch: Batch) -> None:
    """Close the problems of a merchant that was disconnected."""
    async with batch.unit() as unit:
        for check, since in (await setup.clear(unit.conn, batch.merchant_id)).items():
            if check in PROBLEMS:
                withdraw(unit, [batch.merchant_id], PROBLEMS[check], since)
