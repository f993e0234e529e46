"""All merchants of the sandbox, the installed app, and the access tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clover_sandbox.clock import Clock
from clover_sandbox.events import Event, EventListener
from clover_sandbox.ids import Ids
from clover_sandbox.merchant import Merchant, SharedState
from clover_sandbox.merchant_factory import MerchantSpec, make_merchant
from clover_sandbox.switches import Switches

# The connector's permissions (api.md section 2). Tests name Europe's customer groups explicitly.
DEFAULT_PERMISSIONS = frozenset(
    f"{area}_{letter}"
    for area in ("INVENTORY", "ORDERS", "PAYMENTS", "CUSTOMERS", "MERCHANT", "EMPLOYEES")
    for letter in "RW"
)


# The permission an app needs to receive events with a webhook key (documented).
READ_PERMISSION: Mapping[str, str] = {
    **dict.fromkeys(("I", "IS", "IA", "IC", "IG", "IM"), "INVENTORY_R"),
    **dict.fromkeys(("A", "CA", "M", "SH"), "MERCHANT_R"),
    "C": "CUSTOMERS_R",
    "E": "EMPLOYEES_R",
    "O": "ORDERS_R",
    "P": "PAYMENTS_R",
}


@dataclass(frozen=True)
class App:
    """The developer's app. Redirects must stay below `site_url`, if set."""

    id: str
    secret: str
    site_url: str | None = None


@dataclass(frozen=True)
class Token:
    """An access token. `expires` is wall seconds; a merchant's test token never expires (documented)."""

    merchant_id: str
    permissions: frozenset[str]
    expires: float | None = None


@dataclass
class World:
    """The ground truth. `listeners` receive every published event."""

    clock: Clock
    ids: Ids
    switches: Switches
    app: App
    merchants: dict[str, Merchant] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    permissions: dict[str, frozenset[str]] = field(default_factory=dict)
    listeners: list[EventListener] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        """Pass an event to the listeners if the app is installed and may read the object.

        The event of the app's own removal always passes.
        """
        merchant = self.merchants[event.merchant_id]
        allowed = merchant.installed and READ_PERMISSION[event.key] in self.permissions[merchant.id]
        if allowed or (event.key, event.type) == ("A", "DELETE"):
            for listener in self.listeners:
                listener(event)

    def add_merchant(
        self, spec: MerchantSpec, permissions: Iterable[str] | None = None, token: str | None = None
    ) -> tuple[Merchant, str]:
        """Create a merchant with the app installed. Return it with its token. Raise ValueError if the id exists."""
        if spec.id in self.merchants:
            raise ValueError(f"merchant {spec.id} exists already")
        merchant = make_merchant(spec, SharedState(self.clock, self.ids, self.switches, self.publish))
        self.merchants[merchant.id] = merchant
        self.permissions[merchant.id] = DEFAULT_PERMISSIONS if permissions is None else frozenset(permissions)
        if token is None:
            return merchant, self.install(merchant)
        self.tokens[token] = Token(merchant.id, self.permissions[merchant.id])
        merchant.emit("A", self.app.id, "CREATE")
        return merchant, token

    def token_for(self, text: str) -> Token | None:
        """Return the token if it has not expired and the app is still installed."""
        token = self.tokens.get(text)
        if token is None or (token.expires is not None and token.expires <= self.clock.now()):
            return None
        return token if self.merchants[token.merchant_id].installed else None

    def revoke_tokens(self, merchant_id: str, *, expiring_only: bool = False) -> None:
        """Revoke the merchant's access tokens: all, or only those from OAuth."""
        doomed = [
            text
            for text, token in self.tokens.items()
            if token.merchant_id == merchant_id and (token.expires is not None or not expiring_only)
        ]
        for text in doomed:
            del self.tokens[text]

    def uninstall(self, merchant: Merchant) -> None:
        """Remove the app from the merchant. Its tokens stop working (documented)."""
        merchant.installed = False
        self.revoke_tokens(merchant.id)
        merchant.emit("A", self.app.id, "DELETE")

    def install(self, merchant: Merchant, permissions: Iterable[str] | None = None) -> str:
        """Install the app, perhaps with other permissions, and return a test token."""
        merchant.installed = True
        if permissions is not None:
            self.permissions[merchant.id] = frozenset(permissions)
        token = self.ids.uuid()
        self.tokens[token] = Token(merchant.id, self.permissions[merchant.id])
        merchant.emit("A", self.app.id, "CREATE")
        return token

    def summary(self) -> Mapping[str, int]:
        """Count merchants, items and orders."""
        return {
            "merchants": len(self.merchants),
            "items": sum(len(each.objects["items"]) for each in self.merchants.values()),
            "orders": sum(len(each.objects["orders"]) for each in self.merchants.values()),
        }
