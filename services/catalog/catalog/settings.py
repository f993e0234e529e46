"""The settings of catalog, beside those of every service."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from common.settings import CommonSettings, Secrets, address

LIMITS = {"app": 50, "token": 16, "app_concurrent": 10, "token_concurrent": 5}
"""Clover's documented limits: calls a second, and calls in flight, per app and per token."""


HOW = f"name each of {', '.join(LIMITS)} once, as in app=50,token=16,app_concurrent=10,token_concurrent=5"


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",")]
    named = {name: number for name, equals, number in pairs if equals}
    if len(named) < len(pairs):
        raise ValueError(HOW)
    return named


WEB_URLS = {
    "us": "https://www.clover.com",
    "eu": "https://www.eu.clover.com",
    "la": "https://www.la.clover.com",
    "sandbox": "https://sandbox.dev.clover.com",
}
"""Where a person allows us the access, by region (documented)."""


def _web_address(url: str) -> str:
    parts = address(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be an address such as https://sync.example.com")
    return url.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


class RegionApp(BaseModel):
    """Our app in one region, where it differs from the others. Clover registers apps by region (documented)."""

    id: Annotated[str, Field(min_length=1)]
    secret: SecretStr | None = None
    redirect_url: WebAddress | None = None


class Settings(CommonSettings):
    """The settings of catalog. `master_keys` seal tokens and e-mail addresses: base64 of 32 bytes each."""

    master_keys: Annotated[Secrets, Field(min_length=1)]
    clover_limits: Annotated[
        dict[str, Annotated[int, Field(gt=0, le=100_000)]],
        NoDecode,
        BeforeValidator(_pairs),
        Field(default_factory=LIMITS.copy),
    ]
    """Clover's limits as they are; the allocation of calls keeps its own margin below them."""

    grant_seconds: Annotated[float, Field(ge=0.2, le=60)] = 20.0
    """The longest life of a share of the calls. A crashed process blocks its share at most this long."""

    background_share: Annotated[float, Field(gt=0, le=0.95)] = 0.8
    """The part of each process's calls that background work may use; live changes find the rest free."""

    item_sweep_seconds: Annotated[float, Field(gt=0, le=86400)] = 300.0
    """The pause between two comparisons of a merchant's items with its products; webhooks may be lost."""

    item_full_sweep_seconds: Annotated[float, Field(gt=0, le=604800)] = 3600.0
    """The pause between two reads of all items of a catalogue of more than a page; in between its changes are read."""

    batch_gathers_seconds: Annotated[float, Field(ge=0, le=60)] = 3.0
    """Products of a batch wait for further ones up to the end of a window of this length, so that calls carry many."""

    create_settles_seconds: Annotated[float, Field(ge=0, le=600)] = 60.0
    """After a create without an answer, the item is looked up for this long before it is created again."""

    webhook_patience_seconds: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """How long a webhook may take that a change of our own should bring, before the merchant's webhooks are missing."""

    public_url: WebAddress | None = None
    """The address at which people open QuickSync; Clover sends them back to it. Without it nobody connects by OAuth."""

    clover_app_secret: SecretStr | None = None
    """The secret of the app `clover_app_id`. Without one, PKCE takes its place."""

    clover_apps: Annotated[dict[str, RegionApp], Field(default_factory=dict)]
    """The apps of regions that do not use `clover_app_id`."""

    clover_web_urls: Annotated[dict[str, WebAddress], Field(default_factory=WEB_URLS.copy)]
    """Where a person allows us the access, by region."""

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        """Codes and tokens travel to these addresses."""
        if self.env != "dev":
            for region, url in self.clover_web_urls.items():
                if not url.startswith("https://"):
                    raise ValueError(f"QS_CLOVER_WEB_URLS: the address of {region} must be https outside QS_ENV=dev")
        return self

    def region_app(self, region: str) -> RegionApp | None:
        """Return our app in this region, if we have one."""
        common = RegionApp(id=self.clover_app_id, secret=self.clover_app_secret) if self.clover_app_id else None
        return self.clover_apps.get(region, common)

    @field_validator("clover_limits")
    @classmethod
    def _four_limits(cls, value: dict[str, int]) -> dict[str, int]:
        if set(value) != set(LIMITS):
            raise ValueError(HOW)
        return value
