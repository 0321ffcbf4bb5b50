"""Pins: added to verification and never instead of it, on real sockets and by all three transports."""

from __future__ import annotations

import base64
import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.callers import KINDS, Kind, call, serve_either
from tests.support.certificates import authority
from tests.support.running import run
from tests.support.scripted import Scripted
from topstepx.clock import ManualClock
from topstepx.errors import ConfigurationError, NotSent, PinMismatch
from topstepx.net.pins import is_pinned, spki_sha256
from topstepx.net.tls import client_context
from topstepx.settings import Pins

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

EVERY = pytest.mark.parametrize("kind", KINDS)
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
NOBODY, NOBODY_ELSE = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def pin_of(certificate: x509.Certificate) -> str:
    """The pin as an independent library computes it."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def context(*pins: str, report_only: bool = False, days: float = 1) -> ssl.SSLContext:
    return client_context(
        str(authority().ca_file),
        pins=Pins(pins, until=NOW + timedelta(days=days), report_only=report_only),
        clock=ManualClock(NOW),
    )


@EVERY
def test_a_pinned_authority_is_accepted(kind: Kind) -> None:
    with Scripted(serve_either, authority().sign().server_context()) as server:
        run(call(kind, server, context(NOBODY, pin_of(authority().certificate))))
        assert b"canary" in server.arrived


@EVERY
def test_a_pinned_server_key_is_accepted(kind: Kind) -> None:
    own = authority().sign()
    with Scripted(serve_either, own.server_context()) as server:
        run(call(kind, server, context(pin_of(own.certificate), NOBODY)))
        assert b"canary" in server.arrived


@EVERY
def test_a_valid_certificate_without_a_pinned_key_is_refused(kind: Kind) -> None:
    own = authority().sign()
    with Scripted(serve_either, own.server_context()) as server:
        with pytest.raises(PinMismatch) as caught:
            run(call(kind, server, context(NOBODY, NOBODY_ELSE)))
        error = caught.value
        assert server.arrived == b"", "not one byte of the request may leave"
    assert isinstance(error, NotSent)
    assert error.did_it_happen == "no"
    assert error.seen == (pin_of(own.certificate), pin_of(authority().certificate))
    assert "pins" in str(error)
    assert error.__context__ is None


@EVERY
def test_a_pin_does_not_replace_verification(kind: Kind) -> None:
    own = authority().self_signed()
    with Scripted(serve_either, own.server_context()) as server:
        with pytest.raises(NotSent) as caught:
            run(call(kind, server, context(pin_of(own.certificate), NOBODY)))
        assert not isinstance(caught.value, PinMismatch)
        assert server.arrived == b""
    wrong_name = authority().sign("elsewhere.example")
    with Scripted(serve_either, wrong_name.server_context()) as server:
        with pytest.raises(NotSent):
            run(call(kind, server, context(pin_of(wrong_name.certificate), NOBODY)))
        assert server.arrived == b""


@EVERY
def test_report_only_warns_once_and_goes_on(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    own = authority().sign()
    reporting = context(NOBODY, NOBODY_ELSE, report_only=True)
    with Scripted(serve_either, own.server_context()) as server, caplog.at_level(logging.WARNING):
        run(call(kind, server, reporting))
        run(call(kind, server, reporting))
        assert server.arrived.count(b"canary") == 2
    told = [text for text in (one.getMessage() for one in caplog.records) if "pinned" in text]
    assert len(told) == 1
    assert pin_of(own.certificate) in told[0]


@EVERY
def test_pins_that_have_ended_are_not_checked(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    ended = context(NOBODY, NOBODY_ELSE, days=-1)
    with Scripted(serve_either, authority().sign().server_context()) as server:
        run(call(kind, server, ended))
    assert any("ended on" in one.getMessage() for one in caplog.records)


def test_pins_end_while_the_client_runs() -> None:
    clock = ManualClock(NOW)
    pins = Pins((NOBODY, NOBODY_ELSE), until=NOW + timedelta(hours=1), report_only=False)
    shared = client_context(str(authority().ca_file), pins=pins, clock=clock)
    with Scripted(serve_either, authority().sign().server_context()) as server:
        with pytest.raises(PinMismatch):
            run(call("rest", server, shared))
        clock.advance(3600)
        run(call("rest", server, shared))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_the_key_is_found_in_every_kind_of_certificate(
    every_certificate: Callable[[], list[x509.Certificate]],
) -> None:
    for certificate in every_certificate():
        assert spki_sha256(certificate.public_bytes(Encoding.DER)) == pin_of(certificate)


@pytest.fixture
def every_certificate() -> Callable[[], list[x509.Certificate]]:
    """Ours, and all the real authorities that this system trusts (RSA, EC, long and short names)."""

    def collect() -> list[x509.Certificate]:
        plain = client_context()
        real = [x509.load_der_x509_certificate(one) for one in plain.get_ca_certs(binary_form=True)]
        return [authority().certificate, authority().sign().certificate, *real]

    return collect


def test_only_a_pinned_context_makes_its_own_objects() -> None:
    assert is_pinned(context(NOBODY, NOBODY_ELSE))
    assert not is_pinned(client_context())
    assert not is_pinned(None)


@pytest.mark.parametrize(
    ("pins", "until"),
    [
        ((NOBODY,), NOW),
        ((NOBODY, NOBODY), NOW),
        ((NOBODY, "x"), NOW),
        ((NOBODY, base64.b64encode(b"short").decode()), NOW),
        ((NOBODY, NOBODY_ELSE), datetime(2026, 1, 1)),  # noqa: DTZ001  that is the mistake
    ],
)
def test_pins_that_make_no_sense_are_refused(pins: tuple[str, ...], until: datetime) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Pins(pins, until=until, report_only=False)
    assert "pins." in str(caught.value)
    assert caught.value.next_step
