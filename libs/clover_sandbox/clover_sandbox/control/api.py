"""The routes of the control API."""

from aiohttp import web

from clover_sandbox.control import behaviour, merchants
from clover_sandbox.control.body import Endpoint, served
from clover_sandbox.sandbox import Sandbox

ENDPOINTS: list[tuple[str, str, Endpoint]] = [
    ("GET", "", behaviour.summary),
    ("GET", "/merchants", merchants.list_merchants),
    ("POST", "/merchants", merchants.create_merchant),
    ("GET", "/merchants/{merchant}", merchants.read_merchant),
    ("GET", "/merchants/{merchant}/orders", merchants.read_orders),
    ("POST", "/merchants/{merchant}/items", merchants.fill_items),
    ("GET", "/merchants/{merchant}/items/{item}", merchants.read_item),
    ("POST", "/merchants/{merchant}/till/{action}", merchants.run_till),
    ("GET", "/requests", behaviour.read_requests),
    ("DELETE", "/requests", behaviour.forget_requests),
    ("GET", "/faults", behaviour.read_faults),
    ("PUT", "/faults", behaviour.replace_faults),
    ("POST", "/faults", behaviour.add_fault),
    ("DELETE", "/faults", behaviour.clear_faults),
    ("DELETE", "/faults/{fault}", behaviour.remove_fault),
    ("GET", "/switches", behaviour.read_switches),
    ("PATCH", "/switches", behaviour.set_switches),
    ("DELETE", "/switches", behaviour.reset_switches),
    ("PATCH", "/limits", behaviour.set_limits),
    ("PATCH", "/latency", behaviour.set_latency),
    ("PATCH", "/oauth", behaviour.set_oauth),
    ("POST", "/clock", behaviour.advance_clock),
    ("GET", "/webhooks", behaviour.read_webhooks),
    ("PUT", "/webhooks", behaviour.set_webhooks),
    ("POST", "/webhooks/confirm", behaviour.confirm_webhooks),
]


def control_routes(sandbox: Sandbox) -> list[web.RouteDef]:
    """Build the control routes of this sandbox."""
    return [web.route(method, f"/_sandbox{path}", served(sandbox, endpoint)) for method, path, endpoint in ENDPOINTS]
