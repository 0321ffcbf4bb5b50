"""What can be set: environments, credentials, limits and time-outs; all frozen.

An environment is always named, never guessed: there is no default, and a variable that another client
reads may supply a user name and a key but never chooses where orders go.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NoReturn, get_args
from urllib.parse import quote, unquote, urlsplit

from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Secret:
    """A value that shows itself to nobody: no repr, str, format, pickle, copy or comparison leak.

    `reveal()` is the one way to the value; grep for it to see every place that reads one.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """The value itself. Hand it straight to what needs it; never keep or format it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        msg = "a Secret does not leave the process by pickle or copy"
        raise TypeError(msg)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: object) -> Secret:
        return self


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in; `source` says in words where the pair came from."""

    user_name: str
    api_key: Secret
    source: str = "given in code"

    def __post_init__(self) -> None:
        if not self.user_name.strip():
            msg = f"The user name from {self.source} is empty."
            raise ConfigurationError(msg, next_step="Give the name you log in to TopstepX with.")
        if not self.api_key.reveal().strip():
            msg = f"The API key from {self.source} is empty."
            raise ConfigurationError(
                msg, next_step="Create a key under Settings, API, and give it whole."
            )


@dataclass(frozen=True, slots=True)
class Environment:
    """One gateway: its name and addresses. `simulated` is True only for our own simulator."""

    name: str
    rest_url: str
    hub_url: str
    simulated: bool = False

    def __post_init__(self) -> None:
        _check_url("rest_url", self.rest_url, ("http", "https"))
        _check_url("hub_url", self.hub_url, ("ws", "wss"))
        if self.simulated and not is_loopback(self.rest_url):
            msg = f"rest_url={self.rest_url!r} is called a simulator but is not on this machine."
            raise ConfigurationError(
                msg,
                next_step="Simulators are reached on 127.0.0.1; name the firm's environment instead.",
            )


def is_loopback(url: str) -> bool:
    """Whether an address stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in {"127.0.0.1", "localhost", "::1"}


def _check_url(field_name: str, url: str, schemes: tuple[str, str]) -> None:
    plain, secure = schemes
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it checks it
    except ValueError:
        msg = f"{field_name}: this is no address, or its port is no port."
        raise ConfigurationError(msg, next_step=f"Give for example {secure}://host:443.") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = f"{field_name}: an address must carry no user, password or query."
        raise ConfigurationError(msg, next_step="Give scheme, host and port only.")
    if parts.hostname and parts.path.strip("/"):
        msg = f"{field_name}={url!r}: the path {parts.path!r} is not part of an address."
        raise ConfigurationError(msg, next_step="Give scheme, host and port only.")
    if parts.scheme == secure and parts.hostname:
        return
    if parts.scheme == plain and is_loopback(url):
        return
    msg = f"{field_name}={url!r}: must be {secure}:// (plain {plain}:// is for 127.0.0.1 only)."
    raise ConfigurationError(msg, next_step=f"Use {secure}://.")


_FIRMS: Final = (
    "alphaticks",
    "alphafutures",
    "aquafutures",
    "blueguardianfutures",
    "blusky",
    "bulenox",
    "daytraders",
    "e8",
    "fundingfutures",
    "futureselite",
    "fxifyfutures",
    "goatfundedfutures",
    "holaprime",
    "nexgen",
    "thefuturesdesk",
    "tickticktrader",
    "toponefutures",
    "tradeday",
    "tx3funding",
)

ENVIRONMENTS: Final[Mapping[str, Environment]] = {
    "topstepx": Environment("topstepx", "https://api.topstepx.com", "wss://rtc.topstepx.com"),
    "demo": Environment(
        "demo",
        "https://gateway-api-demo.s2f.projectx.com",
        "wss://gateway-rtc-demo.s2f.projectx.com",
    ),
    **{
        firm: Environment(
            firm, f"https://api.{firm}.projectx.com", f"wss://rtc.{firm}.projectx.com"
        )
        for firm in _FIRMS
    },
}
"""The live environments by name (addresses: several public sources each; a firm may have left)."""


def simulator_environment(url: str) -> Environment:
    """The environment of a simulator listening at `url` (http, on this machine)."""
    clean = url.rstrip("/")
    return Environment("sim", clean, clean.replace("http", "ws", 1), simulated=True)


def environment(name: str) -> Environment:
    """The live environment called `name`; raises `ConfigurationError` with the names there are."""
    try:
        return ENVIRONMENTS[name]
    except KeyError:
        known = ", ".join(["sim", *ENVIRONMENTS])
        msg = f"environment={name!r} is not known."
        raise ConfigurationError(msg, next_step=f"Choose one of: {known}.") from None


@dataclass(frozen=True, slots=True)
class Limits:
    """Your own static limits, checked before an order leaves.

    `contracts_max` bounds, per account and contract, the position plus every working and unresolved
    order on that side, as if all of them filled. None: no limit of that kind.
    """

    contracts_max: int | None = None
    order_contracts_max: int | None = None
    open_orders_max: int | None = None

    def __post_init__(self) -> None:
        for name in ("contracts_max", "order_contracts_max", "open_orders_max"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int) or value < 1
            ):
                msg = f"limits.{name}={value!r}: must be a whole number of at least 1, or None."
                raise ConfigurationError(msg, next_step="Give for example 2.")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each kind of call may take, in seconds (constants of the safety model)."""

    place_s: float = 5.0
    exit_s: float = 4.0
    read_s: float = 6.0
    bars_s: float = 20.0
    login_s: float = 10.0
    connect_s: float = 4.0
    order_deadline_s: float = 2.0
    resolve_s: float = 10.0
    """How long `place` waits for the resolver before it raises `OrderUnresolved`."""
    hub_open_s: float = 10.0
    hub_invoke_s: float = 10.0
    shutdown_s: float = 15.0
    """How long leaving waits for orders of which it is not known yet what became of them."""


@dataclass(frozen=True, slots=True)
class Pins:
    """Public keys of which one must be in the gateway's certificate chain, besides all other checks.

    `spki_sha256` are base64 SHA-256 values of a SubjectPublicKeyInfo; pin an issuing authority and a
    backup, because the server's own key changes at every renewal. After `until` (aware) they are not
    checked any more. `report_only` warns instead of refusing: begin with it.
    """

    spki_sha256: tuple[str, ...]
    until: datetime
    report_only: bool

    def __post_init__(self) -> None:
        if len(set(self.spki_sha256)) < _PINS_MIN:
            msg = "pins.spki_sha256: one pin alone locks you out when that key is replaced."
            raise ConfigurationError(msg, next_step="Give an issuing authority's and a backup.")
        for one in self.spki_sha256:
            if not _is_sha256(one):
                msg = f"pins.spki_sha256={one!r}: must be the base64 of 32 bytes."
                raise ConfigurationError(msg, next_step="Give it as openssl and browsers show it.")
        if self.until.tzinfo is None:
            msg = f"pins.until={self.until!r}: has no time zone."
            raise ConfigurationError(msg, next_step="Give an aware datetime, such as one in UTC.")


_PINS_MIN: Final = 2
_SHA256_BYTES: Final = 32


def _is_sha256(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == _SHA256_BYTES
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy through which the gateway is reached, by CONNECT; `parse` reads one."""

    host: str
    port: int
    user: str | None = None
    password: Secret | None = None

    @property
    def url(self) -> str:
        """Its address, without user and password."""
        return (
            f"http://[{self.host}]:{self.port}"
            if ":" in self.host
            else f"http://{self.host}:{self.port}"
        )

    @property
    def shown(self) -> str:
        """Its address with the user and without the password, as a settings file may hold it."""
        user = "" if self.user is None else f"{quote(self.user, safe='')}@"
        return self.url.replace("//", f"//{user}", 1)

    def authorization(self) -> str | None:
        """The value of Proxy-Authorization: a secret. None: it is open to all."""
        if self.user is None:
            return None
        password = self.password.reveal() if self.password is not None else ""
        return "Basic " + b64encode(f"{self.user}:{password}".encode()).decode()

    @classmethod
    def parse(cls, text: str | Secret) -> Proxy:
        """From http://[user:password@]host:port; raises `ConfigurationError` that repeats no part of it."""
        value = text.reveal() if isinstance(text, Secret) else text
        fix = "Give http://host:port or http://user:password@host:port."
        try:
            parts = urlsplit(value.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigurationError("proxy: this is no address.", next_step=fix) from None
        if parts.scheme != "http" or not host or port is None:
            msg = "proxy: it must be an http:// address with a host and a port."
            raise ConfigurationError(msg, next_step=fix)
        if parts.path.strip("/") or parts.query or parts.fragment:
            msg = "proxy: it has a path or a query (a password with / ? or # is written %2F, %3F, %23)."
            raise ConfigurationError(msg, next_step=fix)
        user = unquote(parts.username) if parts.username else None
        password = Secret(unquote(parts.password)) if parts.password else None
        if user is not None and (":" in user or not user.isprintable()):
            raise ConfigurationError("proxy: the user holds a colon or controls.", next_step=fix)
        return cls(host, port, user, password)


OnExit = Literal["keep", "cancel_entries", "flatten"]
Unprotected = Literal["alert", "place_stop", "flatten"]
TokenPlacement = Literal["header", "query", "auto"]


def check_on_exit(value: str) -> None:
    """Raise `ConfigurationError` for anything but the three ways to leave: a slip must not keep a position."""
    known = get_args(OnExit)
    if value not in known:
        msg = f"on_exit={value!r} is not known."
        raise ConfigurationError(msg, next_step=f"Give one of: {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes one client.

    `hub_token` says where the token travels on a hub upgrade: in the Authorization header ("header"),
    in the address ("query"), or header first and the address once if that is refused ("auto").
    """

    environment: Environment
    trade: bool = False
    exits_only: bool = False
    """Cancel and close, open nothing: needs no lock, so it works beside a program that trades."""
    on_exit: OnExit = "cancel_entries"
    """What leaving by an exception, Ctrl-C or SIGTERM does with your own resting entries and positions."""
    unprotected: Unprotected = "alert"
    """What follows when an entry filled and the stop that was ordered with it is not seen: an alarm alone,
    a stop of our own (there may then be two), or closing the position."""
    send_lost_again: bool = False
    """Whether an order whose answer was lost is sent again, at most twice and under its own tag, while its
    deadline (`timeouts.order_deadline_s`) has not passed and a complete look did not find it.

    Leave it off unless you know better: it rests on the gateway refusing a used tag in every case, also
    when two copies arrive at once (assumed: it was seen for one tag after the other). Where that does not
    hold, a copy is a second order and you hold twice the size; it is then noticed and halts the account,
    after the fact. `docs/orders.md` says how to see that in the simulator.
    """
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    hub_token: TokenPlacement = "auto"  # noqa: S105  a place, not a token
    hub_socket: Literal["picows", "aiohttp"] = "picows"
    ca_file: str | None = None
    """A PEM file with certificate authorities of your own, besides the system's."""
    pins: Pins | None = None
    proxy: Proxy | None = None
    """The HTTP proxy to go through; those of the environment are ignored."""
    message_bytes_max: int = 16 * 1024 * 1024
    live_data: bool = False
    """Which data subscription contracts and bars are read from; most accounts have the simulated one."""
    logout_on_exit: bool = False
    """Whether leaving the client ends the session at the gateway, for every program that shares it."""
    bars_limit_per_30s: int = 50
    """The gateway's limit for `History/retrieveBars` (verified: 50; an older page said 30)."""
    general_limit_per_60s: int = 200
    """The gateway's limit for everything else (verified). Less leaves room for other software."""

    def __post_init__(self) -> None:
        check_on_exit(self.on_exit)
        if self.send_lost_again not in {True, False}:
            msg = f"send_lost_again={self.send_lost_again!r}: must be True or False."
            raise ConfigurationError(msg, next_step="Leave it out: False is the safe one.")
        if self.proxy is not None and self.environment.simulated:
            msg = f"proxy={self.proxy.url}: a simulator is on this machine."
            raise ConfigurationError(msg, next_step="Leave proxy= out for the simulator.")
        for name, most in (("bars_limit_per_30s", 50), ("general_limit_per_60s", 200)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                msg = f"{name}={value!r}: must be a whole number from 1 to {most}."
                raise ConfigurationError(msg, next_step="More would only earn HTTP 429.")

    @property
    def may_trade(self) -> bool:
        """Whether orders may leave at all: always in the simulator, elsewhere only if asked for."""
        return self.environment.simulated or self.trade
