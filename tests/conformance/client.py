"""Calls every tool of clover-mcp on the local Clover, in an environment of its own that has none of our code.

A tool that fails, and one that is not called here, fail the run.
"""

import asyncio
import os
import sys
from typing import Any

from clover_mcp import config  # type: ignore[import-not-found]
from fastmcp import Client  # type: ignore[import-not-found]

SHOP = {name.removeprefix("SHOP_").lower(): value for name, value in os.environ.items() if name.startswith("SHOP_")}

CALLS: dict[str, dict[str, Any]] = {
    "whoami": {},
    "get_merchant_info": {},
    "get_merchant_properties": {},
    "get_sales_summary": {},
    "list_payments": {},
    "list_refunds": {},
    "list_orders": {},
    "get_order": {"order_id": SHOP["order"]},
    "list_open_orders": {},
    "list_items": {"category_id": SHOP["category"]},
    "get_item": {"item_id": SHOP["item"]},
    "list_low_stock_items": {},
    "list_categories": {},
    "list_modifiers": {},
    "list_item_groups": {},
    "list_taxes": {},
    "list_discounts": {},
    "list_devices": {},
    "list_tenders": {},
    "list_order_types": {},
    "list_opening_hours": {},
    "list_tip_suggestions": {},
    "get_default_service_charge": {},
    "list_cash_events": {},
    "list_attributes": {},
    "list_tags": {},
    "get_top_items": {},
    "list_employees": {},
    "get_employee": {"employee_id": SHOP["employee"]},
    "list_shifts": {"employee_id": SHOP["employee"], "date_from": "2026-01-01", "date_to": "2026-01-31"},
    "list_active_shifts": {},
    "list_roles": {},
    "search_customers": {"email": "ada@example.com"},
    "get_customer": {"customer_id": SHOP["customer"], "include": ["addresses"]},
    "summarize_sales": {},
    "suggest_item_categories": {},
    "inventory_reorder_suggestions": {},
    "detect_sales_anomalies": {},
    "draft_customer_message": {"customer_id": SHOP["customer"], "intent": "thank you"},
    "create_customer": {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"},
    "set_item_price_cents": {"item_id": SHOP["item"], "new_price_cents": 600, "expected_current_price_cents": 500},
    "set_item_stock_quantity": {"item_id": SHOP["item"], "new_quantity": 9, "expected_current_quantity": 3},
    "create_category": {"name": "Food", "confirm": True},
    "create_item": {"name": "Bowl", "price_cents": 900, "confirm": True},
    "create_order": {"note": "conformance", "confirm": True},
    "add_line_item": {"order_id": SHOP["order"], "item_id": SHOP["item"], "confirm": True},
    "update_customer": {"customer_id": SHOP["customer"], "first_name": "Augusta", "confirm": True},
}


async def answer(*_: Any) -> str:
    """Stand in for the language model that some tools ask."""
    return "{}"


async def main() -> int:
    """Return how many calls failed."""
    config._SANDBOX_URL = os.environ["LOCAL_CLOVER"]  # noqa: SLF001 - it has no setting for it
    from clover_mcp import server  # noqa: PLC0415 - reads the environment

    failed = 0
    async with Client(server.mcp, sampling_handler=answer) as client:
        offered = {tool.name for tool in await client.list_tools()}
        for name in sorted(offered | CALLS.keys()):
            if name not in CALLS or name not in offered:
                outcome = "is not called here" if name in offered else "is not offered"
            else:
                result = await client.call_tool(name, CALLS[name], raise_on_error=False)
                outcome = str(result.content[0].text)[:200] if result.is_error else ""
            failed += bool(outcome)
            print(f"{'FAILED' if outcome else 'ok':7} {name} {outcome}", flush=True)  # noqa: T201
    print(f"{len(offered)} tools, {failed} failed")  # noqa: T201 - a program for a person
    return failed


if __name__ == "__main__":
    sys.exit(min(1, asyncio.run(main())))
