"""The paths of the control API."""

from aiohttp import web

from clover_sandbox.control import conduct, merchants
from clover_sandbox.control.body import Endpoint, served
from clover_sandbox.sandbox import Sandbox

ENDPOINTS: list[tuple[str, str, Endpoint]] = [
    ("GET", "", conduct.summary),
    ("GET", "/merchants", merchants.list_merchants),
    ("POST", "/merchants", merchants.create_merchant),
    ("GET", "/merchants/{merchant}", merchants.read_merchant),
    ("GET", "/merchants/{merchant}/orders", merchants.read_orders),
    ("POST", "/merchants/{merchant}/items", merchants.fill_items),
    ("GET", "/merchants/{merchant}/items/{item}", merchants.read_item),
    ("POST", "/merchants/{merchant}/till/{action}", merchants.play),
    ("GET", "/requests", conduct.read_requests),
    ("DELETE", "/requests", conduct.forget_requests),
    ("GET", "/faults", conduct.read_faults),
    ("PUT", "/faults", conduct.replace_faults),
    ("POST", "/faults", conduct.add_fault),
    ("DELETE", "/faults", conduct.clear_faults),
    ("DELETE", "/faults/{fault}", conduct.remove_fault),
    ("GET", "/switches", conduct.read_switches),
    ("PATCH", "/switches", conduct.set_switches),
    ("DELETE", "/switches", conduct.reset_switches),
    ("PATCH", "/limits", conduct.set_limits),
    ("PATCH", "/latency", conduct.set_latency),
    ("POST", "/clock", conduct.advance_clock),
    ("GET", "/webhooks", conduct.read_webhooks),
    ("PUT", "/webhooks", conduct.set_webhooks),
    ("POST", "/webhooks/confirm", conduct.confirm_webhooks),
]


def control_routes(sandbox: Sandbox) -> list[web.RouteDef]:
    """The routes of this sandbox."""
    return [web.route(method, f"/_sandbox{path}", served(sandbox, endpoint)) for method, path, endpoint in ENDPOINTS]
