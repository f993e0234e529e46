"""Users met: a merchant was connected, and the dashboard's data and the pending work answered 404 for a moment."""

import pytest
from tests.integration.inventory.conftest import Inventory, inventory
from tests.integration.notifier.conftest import JUST_CONNECTED, Notifier, directory, notifier, postbox

__all__ = ["directory", "inventory", "notifier", "postbox"]


@pytest.mark.parametrize("path", ["problems", "activity", "work/notifier"])
async def test_what_concerns_people_is_there_at_once(notifier: Notifier, path: str) -> None:
    """Notifier asks catalog about a merchant whose event has not arrived; a stranger is still not found."""
    status, body = await notifier.call("GET", f"/v1/merchants/{JUST_CONNECTED}/{path}")
    assert (status, body["next"]) == (200, None)
    assert (await notifier.call("GET", f"/v1/merchants/MRCHNT0000099/{path}"))[0] == 404


async def test_pending_work_is_there_at_once(inventory: Inventory) -> None:
    """The list of pending work of a merchant whose event has not arrived is empty, not missing."""
    shop = inventory.clover.open_shop()
    inventory.catalog.connect(shop.merchant.id)

    assert await inventory.ask("GET", shop, "/work/inventory") == (200, {"work": [], "next": None})
