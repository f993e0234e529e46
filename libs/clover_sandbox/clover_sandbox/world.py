"""All merchants of the sandbox, the app that is installed with them, and the tokens that open them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clover_sandbox.clock import Clock
from clover_sandbox.events import Event, EventListener
from clover_sandbox.ids import Ids
from clover_sandbox.merchant import Merchant, SharedState
from clover_sandbox.merchant_factory import MerchantSpec, make_merchant
from clover_sandbox.switches import Switches

# What the connector needs (api.md section 2); Europe's customer groups are asked for by name.
DEFAULT_PERMISSIONS = frozenset(
    f"{area}_{letter}"
    for area in ("INVENTORY", "ORDERS", "PAYMENTS", "CUSTOMERS", "MERCHANT", "EMPLOYEES")
    for letter in "RW"
)


# What the app must be allowed to read to be told of an object, by webhook key (documented).
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
    """The developer's app. `site_url` is where redirects must point below; absent: anywhere."""

    id: str
    secret: str
    site_url: str | None = None


@dataclass(frozen=True)
class Token:
    """An access token. `expires` is wall seconds; absent for a merchant's test token, which never ends (documented)."""

    merchant_id: str
    permissions: frozenset[str]
    expires: float | None = None


@dataclass
class World:
    """Ground truth. `listeners` hear every event as it happens."""

    clock: Clock
    ids: Ids
    switches: Switches
    app: App
    merchants: dict[str, Merchant] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    permissions: dict[str, frozenset[str]] = field(default_factory=dict)
    listeners: list[EventListener] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """Pass an event on if the app is installed there and may read the object; its own end is told in any case."""
        merchant = self.merchants[event.merchant_id]
        told = merchant.installed and READ_PERMISSION[event.key] in self.permissions[merchant.id]
        if told or (event.key, event.type) == ("A", "DELETE"):
            for listener in self.listeners:
                listener(event)

    def add_merchant(
        self, spec: MerchantSpec, permissions: Iterable[str] | None = None, token: str | None = None
    ) -> tuple[Merchant, str]:
        """A new merchant with the app installed, and its token. `ValueError` if the id is taken."""
        if spec.id in self.merchants:
            raise ValueError(f"merchant {spec.id} exists already")
        merchant = make_merchant(spec, SharedState(self.clock, self.ids, self.switches, self.tell))
        self.merchants[merchant.id] = merchant
        self.permissions[merchant.id] = DEFAULT_PERMISSIONS if permissions is None else frozenset(permissions)
        if token is None:
            return merchant, self.install(merchant)
        self.tokens[token] = Token(merchant.id, self.permissions[merchant.id])
        merchant.tell("A", self.app.id, "CREATE")
        return merchant, token

    def token_for(self, text: str) -> Token | None:
        """The token if it is still good: not expired, its merchant still has the app."""
        token = self.tokens.get(text)
        if token is None or (token.expires is not None and token.expires <= self.clock.now()):
            return None
        return token if self.merchants[token.merchant_id].installed else None

    def revoke_tokens(self, merchant_id: str, *, expiring_only: bool = False) -> None:
        """The merchant's access tokens are dead at once: all, or those of OAuth only."""
        doomed = [
            text
            for text, token in self.tokens.items()
            if token.merchant_id == merchant_id and (token.expires is not None or not expiring_only)
        ]
        for text in doomed:
            del self.tokens[text]

    def uninstall(self, merchant: Merchant) -> None:
        """The merchant removes the app: its tokens stop (documented)."""
        merchant.installed = False
        self.revoke_tokens(merchant.id)
        merchant.tell("A", self.app.id, "DELETE")

    def install(self, merchant: Merchant, permissions: Iterable[str] | None = None) -> str:
        """The merchant installs the app, which may ask for other permissions by now; the test token that opens it."""
        merchant.installed = True
        if permissions is not None:
            self.permissions[merchant.id] = frozenset(permissions)
        token = self.ids.uuid()
        self.tokens[token] = Token(merchant.id, self.permissions[merchant.id])
        merchant.tell("A", self.app.id, "CREATE")
        return token

    def summary(self) -> Mapping[str, int]:
        """How much there is."""
        return {
            "merchants": len(self.merchants),
            "items": sum(len(each.objects["items"]) for each in self.merchants.values()),
            "orders": sum(len(each.objects["orders"]) for each in self.merchants.values()),
        }
