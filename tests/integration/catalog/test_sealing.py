"""Secrets at rest: master keys are rotated while catalog runs, and a value serves in its own row and column alone."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from tests.integration.catalog.conftest import EMAIL, Catalog

from catalog.sealing import Secret, open_sealed
from catalog.sync import secrets
from catalog.sync.secrets import Resealing
from common.seal import NotOpened, Sealer
from common.telemetry.metrics import Metrics

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def resealing(catalog: Catalog, metrics: Metrics, *keys: str) -> Resealing:
    """Return the loop of a process with these keys."""
    sealer = Sealer.of([SecretStr(each) for each in keys])
    return Resealing(replace(catalog.service.deps, sealer=sealer), metrics)


@pytest.fixture
def changed() -> dict[str, Any]:
    return {"master_keys": [SecretStr(OLD)]}


async def values(catalog: Catalog) -> dict[str, bytes]:
    [row] = await catalog.fetch("SELECT sealed_token, sealed_refresh_token, sealed_email FROM connection")
    return dict(row)


async def test_an_old_key_can_be_taken_away(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """All values are sealed with the new key, in portions; the metric shows when the old one has none left."""
    monkeypatch.setattr(secrets, "PORTION", 2)
    shops = [await catalog.connected_by_oauth() for _ in range(3)]
    metrics = Metrics()
    process = resealing(catalog, metrics, NEW, OLD)

    def count(key: str) -> float | None:
        key_id = Sealer.of([SecretStr(key)]).first_key.hex()
        return metrics.registry.get_sample_value("quicksync_sealed_values", {"key": key_id})

    await process.walk()
    assert (count(NEW), count(OLD)) == (9, None)
    alone = Sealer.of([SecretStr(NEW)])
    for row in await catalog.fetch("SELECT * FROM connection"):
        merchant_id = row["merchant_id"]
        assert open_sealed(alone, Secret.EMAIL, merchant_id, row["sealed_email"]) == EMAIL
        assert open_sealed(alone, Secret.TOKEN, merchant_id, row["sealed_token"])
        assert open_sealed(alone, Secret.REFRESH_TOKEN, merchant_id, row["sealed_refresh_token"])
    before = await catalog.fetch("SELECT * FROM connection ORDER BY merchant_id")
    await process.walk()
    assert await catalog.fetch("SELECT * FROM connection ORDER BY merchant_id") == before
    assert len(shops) == 3


async def test_a_process_that_still_seals_with_the_old_key_goes_on(catalog: Catalog) -> None:
    """A process that was not restarted yet opens what the new one has sealed, once it has the new key as its second."""
    shop = await catalog.connected()
    await resealing(catalog, Metrics(), NEW, OLD).walk()
    sealed = (await values(catalog))["sealed_token"]
    assert open_sealed(Sealer.of([SecretStr(OLD), SecretStr(NEW)]), Secret.TOKEN, shop.id, sealed) == shop.token


async def test_a_value_whose_key_is_missing_stays_as_it_is(catalog: Catalog) -> None:
    """A key that was taken away too early can be put back; the other merchants are not kept waiting."""
    await catalog.connected()
    before = await values(catalog)
    await resealing(catalog, Metrics(), NEW).walk()
    assert await values(catalog) == before


async def test_a_value_in_another_place_does_not_open(catalog: Catalog) -> None:
    """Neither in another merchant's row nor in another column; that merchant has no access then, and no one else's."""
    mine, other = await catalog.connected(), await catalog.connected()
    sealer = catalog.service.deps.sealer
    copy = "UPDATE connection SET sealed_token = (SELECT sealed_token FROM connection WHERE merchant_id = $1)"
    await catalog.fetch(f"{copy} WHERE merchant_id = $2", mine.id, other.id)
    [row] = await catalog.fetch("SELECT * FROM connection WHERE merchant_id = $1", other.id)
    for secret, sealed in ((Secret.TOKEN, row["sealed_token"]), (Secret.REFRESH_TOKEN, row["sealed_email"])):
        with pytest.raises(NotOpened):
            open_sealed(sealer, secret, other.id, sealed)
    asked = {"merchants": [{"merchant_id": other.id}], "holder": f"{0:032x}", "service": "orders"}
    _, lent = await catalog.call("POST", "/internal/grants", asked, internal=True)
    assert (lent["grants"], lent["refused"]) == ([], {other.id: "not_connected"})
