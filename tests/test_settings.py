"""Settings: each wrong value has its own error, secrets show themselves to nobody."""

from __future__ import annotations

import copy
import pickle
from base64 import b64encode
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from topstepx.errors import ConfigurationError
from topstepx.settings import (
    ENVIRONMENTS,
    Credentials,
    Environment,
    Limits,
    Pins,
    Proxy,
    Secret,
    Settings,
    environment,
    is_loopback,
    simulator_environment,
)

CANARY = "canary-4711-secret"
PIN = b64encode(b"p" * 32).decode()
OTHER_PIN = b64encode(b"q" * 32).decode()
SIM = simulator_environment("http://127.0.0.1:4000")


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(CANARY)
    credentials = Credentials("trader01", secret)
    for text in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        "%s" % secret,  # noqa: UP031  one more way to print
        repr(credentials),
        repr([secret]),
        repr({"key": secret}),
    ):
        assert CANARY not in text
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="does not leave the process"):
            pickle.dumps(secret, protocol)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == CANARY


def test_secrets_are_not_compared_by_value() -> None:
    assert Secret("a") != Secret("a")
    assert len({Secret("a"), Secret("a")}) == 2
    assert (bool(Secret("")), bool(Secret("a"))) == (False, True)


@pytest.mark.parametrize(
    ("user_name", "api_key", "words"),
    [("", "k", "user name"), ("  ", "k", "user name"), ("u", "", "API key"), ("u", " ", "API key")],
)
def test_empty_credentials_are_refused_and_say_where_they_came_from(
    user_name: str, api_key: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{words} from a test is empty") as refused:
        Credentials(user_name, Secret(api_key), "a test")
    assert refused.value.did_it_happen == "no"
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("rest_url", "words"),
    [
        ("http://api.example.test", "must be https"),
        ("ftp://api.example.test", "must be https"),
        ("api.example.test", "must be https"),
        ("", "must be https"),
        ("https://", "must be https"),
        ("https://user:secret@api.example.test", "no user, password or query"),
        ("https://api.example.test?key=secret", "no user, password or query"),
        ("https://api.example.test#secret", "no user, password or query"),
        ("https://api.example.test/v1", "path '/v1'"),
        ("https://api.example.test:port", "no address"),
        ("https://api.example.test:99999", "no address"),
        ("https://[::1", "no address"),
        ("http://127.0.0.1.example.test", "must be https"),
        ("http://localhost.example.test", "must be https"),
    ],
)
def test_each_wrong_address_has_its_own_error(rest_url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        Environment("x", rest_url, "wss://rtc.example.test")
    assert "rest_url" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_hubs_address_is_checked_as_well() -> None:
    for hub_url in ("https://rtc.example.test", "ws://rtc.example.test", "wss://"):
        with pytest.raises(ConfigurationError, match="hub_url"):
            Environment("x", "https://api.example.test", hub_url)


def test_plain_addresses_are_for_this_machine() -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        made = simulator_environment(f"http://{host}:4000/")
        assert made.simulated
        assert made.rest_url == f"http://{host}:4000"
        assert made.hub_url == f"ws://{host}:4000"
        assert is_loopback(made.rest_url)


def test_a_simulator_elsewhere_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not on this machine"):
        Environment("sim", "https://sim.example.test", "wss://sim.example.test", simulated=True)
    with pytest.raises(ConfigurationError):
        simulator_environment("http://192.168.0.7:4000")


def test_every_live_environment_is_encrypted_and_none_is_simulated() -> None:
    assert {"topstepx", "demo", "tradeday", "bulenox"} <= set(ENVIRONMENTS)
    for name, one in ENVIRONMENTS.items():
        assert one.name == name
        assert not one.simulated
        assert urlsplit(one.rest_url).scheme == "https"
        assert urlsplit(one.hub_url).scheme == "wss"
        assert environment(name) is one


def test_an_unknown_environment_lists_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="'topstep' is not known") as refused:
        environment("topstep")
    for name in ("sim", *ENVIRONMENTS):
        assert name in str(refused.value)


@pytest.mark.parametrize("field", ["contracts_max", "order_contracts_max", "open_orders_max"])
@pytest.mark.parametrize("value", [0, -1, True, 1.0, "2", float("nan")])
def test_a_limit_is_a_whole_number_of_at_least_one(field: str, value: Any) -> None:  # noqa: ANN401  the wrong types are the point
    with pytest.raises(ConfigurationError, match=f"limits.{field}="):
        Limits(**{field: value})
    assert getattr(Limits(**{field: 1}), field) == 1
    assert getattr(Limits(), field) is None


@pytest.mark.parametrize(
    ("field", "most"), [("bars_limit_per_30s", 50), ("general_limit_per_60s", 200)]
)
def test_the_request_budget_is_never_above_the_gateways(field: str, most: int) -> None:
    for value in (0, -1, most + 1, True, 2.5, "5"):
        parts: dict[str, Any] = {field: value}
        with pytest.raises(ConfigurationError, match=field):
            Settings(environment=SIM, **parts)
    parts = {field: most}
    assert getattr(Settings(environment=SIM, **parts), field) == most


def test_pins_are_two_at_least_well_formed_and_end_at_a_known_time() -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    assert Pins((PIN, OTHER_PIN), until, report_only=True).spki_sha256 == (PIN, OTHER_PIN)
    for pins, words in (
        ((), "locks you out"),
        ((PIN,), "locks you out"),
        ((PIN, PIN), "locks you out"),
        ((PIN, "short"), "base64 of 32 bytes"),
        ((PIN, PIN + "!"), "base64 of 32 bytes"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            Pins(pins, until, report_only=True)
    with pytest.raises(ConfigurationError, match="no time zone"):
        Pins((PIN, OTHER_PIN), datetime(2027, 1, 1), report_only=True)  # noqa: DTZ001  that is the point


def test_orders_may_leave_in_the_simulator_and_elsewhere_only_if_asked_for() -> None:
    live = ENVIRONMENTS["topstepx"]
    assert Settings(environment=SIM).may_trade
    assert not Settings(environment=live).may_trade
    assert Settings(environment=live, trade=True).may_trade


def test_settings_do_not_change_under_a_running_client() -> None:
    settings: Any = Settings(environment=SIM)
    with pytest.raises(FrozenInstanceError):
        settings.trade = True
    with pytest.raises(FrozenInstanceError):
        settings.environment.simulated = False


# -- the proxy


def test_a_proxy_is_read_and_shows_no_password() -> None:
    proxy = Proxy.parse("http://me%40firm:p%2Fw%3Ad@proxy.test:3128/")
    assert (proxy.host, proxy.port, proxy.user) == ("proxy.test", 3128, "me@firm")
    assert proxy.password is not None
    assert proxy.password.reveal() == "p/w:d"
    assert proxy.url == "http://proxy.test:3128"
    assert proxy.shown == "http://me%40firm@proxy.test:3128"
    assert "p/w" not in repr(proxy)
    assert Proxy.parse("http://[::1]:3128").url == "http://[::1]:3128"
    assert Proxy.parse("http://proxy.test:3128").authorization() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.test:3128",
        "https://me:secret@proxy.test:3128",
        "socks5://proxy.test:1080",
        "http://me:secret@proxy.test",
        "http://me:secret@proxy.test:99999",
        "http://me:sec/ret@proxy.test:1",
        "http://me:secret@proxy.test:1/path",
        "http://m%3Ae:secret@proxy.test:1",
        "http://m%0ae:secret@proxy.test:1",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Proxy.parse(text)
    assert "sec" not in str(caught.value).replace("second", "")
    assert "http://host:port" in str(caught.value.next_step)


@pytest.mark.parametrize("value", ["no", None, 2])
def test_sending_again_is_asked_for_plainly_or_not_at_all(value: Any) -> None:  # noqa: ANN401  the wrong types are the point
    assert not Settings(environment("demo")).send_lost_again
    with pytest.raises(ConfigurationError, match="send_lost_again"):
        Settings(environment("demo"), send_lost_again=value)
