"""Masking: whatever way a secret takes into a line of ours, the finished line does not hold it."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.redaction import (
    MASK,
    RedactingFormatter,
    Redactor,
    cap_network_loggers,
    redact,
    spellings,
)
from topstepx.settings import Secret

KEY = 'k/e+y="5 é\\~%&'
TOKEN = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiI0MiJ9" + "." + "c2lnbmF0dXJlLW9mLWl0"


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.learn(Secret(value))
    return redactor


@pytest.mark.parametrize(
    "spelled",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        quote(KEY, safe="").lower(),
        json.dumps(KEY),
        json.dumps(KEY, ensure_ascii=False),
        json.dumps({"apiKey": KEY, "x": 1}),
        repr(KEY),
        repr({"key": KEY}),
        repr(KEY.encode()),
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        *(base64.b64encode(b"u" * n + KEY.encode() + b"tail").decode() for n in range(6)),
    ],
)
def test_a_known_secret_is_masked_in_every_spelling(spelled: str) -> None:
    line = f"before {spelled} after"
    masked = knowing(KEY).masked(line)
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    for one in spellings(KEY):
        assert one not in masked


@given(
    value=st.text(alphabet=st.characters(codec="utf-8"), min_size=6, max_size=60),
    before=st.binary(max_size=8),
    after=st.binary(max_size=8),
)
def test_a_secret_inside_base64_is_found_wherever_it_lies(
    value: str, before: bytes, after: bytes
) -> None:
    raw = value.encode()
    if len(raw) < 9:
        return
    encoded = base64.b64encode(before + raw + after).decode()
    masked = knowing(value).masked(encoded)
    assert MASK in masked
    # At most the characters that also carry bits of the neighbours are left standing.
    assert len(masked.replace(MASK, "")) <= len(encoded) - (len(raw) - 2) * 4 // 3 + 3


@given(st.text(min_size=4, max_size=30))
def test_no_spelling_survives(value: str) -> None:
    if MASK in value or value in MASK:
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    redactor = knowing(value)
    for one in spellings(value):
        assert one not in redactor.masked(f"<{one}>").replace(MASK, "")


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (f"token {TOKEN} end", f"token {MASK} end"),
        (
            f"wss://x/hubs/user?access_token={TOKEN}&a=1",
            f"wss://x/hubs/user?access_token={MASK}&a=1",
        ),
        ("?access_token=opaque-one HTTP/1.1", f"?access_token={MASK} HTTP/1.1"),
        ("u=%3Faccess_token%3Dopaque", f"u=%3Faccess_token%3D{MASK}"),
        ("{'Authorization': 'Bearer abcdef'}", f"{{'Authorization': 'Bearer {MASK}'}}"),
        ("authorization: bearer abcdef==", f"authorization: bearer {MASK}"),
        (TOKEN.rpartition(".")[0], MASK),
    ],
)
def test_the_shape_alone_is_enough(line: str, masked: str) -> None:
    assert Redactor().masked(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "order 2026110112 filled at 21503.25",
        "access_token is asked from the keeper",
        "the bearer of this news",
        "eyJust a word. And another.",
    ],
)
def test_ordinary_lines_stay(line: str) -> None:
    assert knowing(KEY).masked(line) == line


def test_values_too_short_to_be_secrets_are_not_masked() -> None:
    assert knowing("", "a", "abc").masked("abc abracadabra") == "abc abracadabra"


def test_a_longer_secret_leaves_no_tail() -> None:
    assert knowing("abcd", "abcdefgh").masked("abcdefgh abcd") == f"{MASK} {MASK}"


def test_forgetting_and_the_bound() -> None:
    redactor, secrets = Redactor(), [Secret(f"secret-number-{n:03}-") for n in range(100)]
    for secret in secrets:
        redactor.learn(secret)
    assert redactor.masked("secret-number-000-") == "secret-number-000-"
    assert redactor.masked("secret-number-099-") == MASK
    redactor.forget(secrets[99])
    redactor.forget(secrets[99])
    assert redactor.masked("secret-number-099-") == "secret-number-099-"


def test_learning_again_keeps_a_secret_young() -> None:
    redactor, old = Redactor(), Secret("the-old-one")
    redactor.learn(old)
    for n in range(63):
        redactor.learn(Secret(f"secret-number-{n:03}-"))
    redactor.learn(old)
    redactor.learn(Secret("the-newest"))
    assert redactor.masked("the-old-one") == MASK


# -- the formatter


class Written:
    """A logger of its own, with one handler of ours, and what it wrote."""

    def __init__(self, redactor: Redactor, form: str | None = None) -> None:
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        if form is not None:
            handler.setFormatter(logging.Formatter(form))
        redact(handler, redactor)
        redact(handler, redactor)
        self.logger = logging.Logger("topstepx.test")  # noqa: LOG001  of this test alone
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()


def test_arguments_and_message_are_masked_and_the_format_is_kept() -> None:
    written = Written(knowing(KEY), "%(levelname)s|%(message)s")
    written.logger.warning("the key is %s and %r", KEY, {"key": KEY})
    assert written.text == f"WARNING|the key is {MASK} and {{'key': '{MASK}'}}\n"


def raise_key() -> None:
    raise ValueError(KEY)


def raise_token_because_of_key() -> None:
    try:
        raise_key()
    except ValueError as error:
        msg = f"Bearer {TOKEN}"
        raise RuntimeError(msg) from error


def test_tracebacks_are_masked() -> None:
    written = Written(knowing(KEY))
    try:
        raise_token_because_of_key()
    except RuntimeError:
        written.logger.exception("failed")
    assert "Traceback" in written.text
    assert "ValueError" in written.text
    assert KEY not in written.text
    assert TOKEN not in written.text


def test_a_record_that_cannot_be_rendered_leaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    written = Written(knowing(KEY))
    written.logger.warning("%d", KEY)
    assert "could not be rendered (TypeError)" in written.text
    assert KEY not in written.text
    assert capsys.readouterr() == ("", "")


def test_the_formatter_stands_alone() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "key %s", (KEY,), None)
    assert RedactingFormatter(knowing(KEY)).format(record) == f"key {MASK}"


# -- the cap


@pytest.fixture
def restored_levels() -> object:
    names = ("aiohttp", "aiohttp.client", "asyncio", "picows", "aiofastnet")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield None
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("restored_levels")
def test_the_cap_holds_when_the_root_logger_is_opened_later() -> None:
    root = logging.getLogger()
    before = root.level
    cap_network_loggers()
    root.setLevel(logging.DEBUG)
    try:
        for name in ("aiohttp.client", "asyncio", "picows", "picows.other", "aiofastnet"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
            assert logging.getLogger(name).isEnabledFor(logging.WARNING), name
    finally:
        root.setLevel(before)


@pytest.mark.usefixtures("restored_levels")
def test_the_cap_takes_down_a_debug_level_and_leaves_a_higher_one() -> None:
    logging.getLogger("asyncio").setLevel(logging.DEBUG)
    logging.getLogger("picows").setLevel(logging.CRITICAL)
    cap_network_loggers()
    assert logging.getLogger("asyncio").level == logging.WARNING
    assert logging.getLogger("picows").level == logging.CRITICAL


@pytest.mark.usefixtures("restored_levels")
def test_the_cap_is_lifted_by_the_one_switch_only() -> None:
    cap_network_loggers(logging.DEBUG)
    assert logging.getLogger("aiohttp.client").level == logging.DEBUG


def test_redaction_imports_no_network() -> None:
    assert "aiohttp" not in vars(sys.modules["topstepx.redaction"])
