"""TLS on real sockets, the same for REST and both hub transports: who is trusted, and what is ignored."""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.support.callers import KINDS, Kind, call, serve_either
from tests.support.certificates import Authority, authority
from tests.support.running import run
from tests.support.scripted import Scripted, good_tls
from topstepx.errors import ConfigurationError, NotSent
from topstepx.net.tls import certificate_refused, client_context

if TYPE_CHECKING:
    from pathlib import Path

EVERY = pytest.mark.parametrize("kind", KINDS)


def trusting() -> ssl.SSLContext:
    return client_context(str(authority().ca_file))


def refused(kind: Kind, server: Scripted, context: ssl.SSLContext) -> NotSent:
    with pytest.raises(NotSent) as caught:
        run(call(kind, server, context))
    error = caught.value
    assert error.did_it_happen == "no"
    assert error.__context__ is None
    assert error.__cause__ is None
    assert server.arrived == b"", "not one byte of the request may leave"
    return error


@EVERY
def test_an_authority_of_our_own_is_accepted_through_its_file(kind: Kind) -> None:
    with Scripted(serve_either, good_tls()) as server:
        run(call(kind, server, trusting()))
        assert b"Bearer canary" in server.arrived


@EVERY
def test_a_private_authority_is_refused_without_its_file(kind: Kind) -> None:
    with Scripted(serve_either, good_tls()) as server:
        assert "certificate was refused" in str(refused(kind, server, client_context()))


@EVERY
def test_the_default_context_verifies(kind: Kind) -> None:
    with Scripted(serve_either, good_tls()) as server:
        with pytest.raises(NotSent, match="certificate was refused"):
            run(call(kind, server))
        assert server.arrived == b""


@EVERY
def test_a_self_signed_certificate_is_refused(kind: Kind) -> None:
    with Scripted(serve_either, authority().self_signed().server_context()) as server:
        assert "self-signed" in str(refused(kind, server, trusting()))


@EVERY
def test_a_certificate_of_another_name_is_refused(kind: Kind) -> None:
    for name in ("elsewhere.example", "127.0.0.2"):
        with Scripted(serve_either, authority().sign(name).server_context()) as server:
            assert "mismatch" in str(refused(kind, server, trusting()))


@EVERY
def test_an_expired_certificate_is_refused(kind: Kind) -> None:
    with Scripted(serve_either, authority().sign(expired=True).server_context()) as server:
        error = refused(kind, server, trusting())
        assert "expired" in str(error)
        assert "clock" in str(error.next_step)


@EVERY
def test_an_authority_of_the_same_name_is_refused(kind: Kind, tmp_path: Path) -> None:
    impostor = Authority(tmp_path)
    with Scripted(serve_either, impostor.sign().server_context()) as server:
        refused(kind, server, trusting())


@EVERY
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_tls_before_1_2_is_refused(kind: Kind) -> None:
    old = good_tls()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1_1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with Scripted(serve_either, old) as server:
        refused(kind, server, trusting())
    assert server.refused_handshakes == 1


@EVERY
def test_tls_1_2_is_accepted(kind: Kind) -> None:
    older = good_tls()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with Scripted(serve_either, older) as server:
        run(call(kind, server, trusting()))


@EVERY
def test_a_handshake_that_is_cut_is_not_sent(kind: Kind) -> None:
    def cut(wire: object) -> None:
        wire.receive(10)  # type: ignore[attr-defined]  # any wire: the client's hello begins

    with Scripted(cut) as server:
        with pytest.raises(NotSent):
            run(call(kind, f"https://127.0.0.1:{server.port}", trusting()))
        assert b"canary" not in server.arrived


@EVERY
def test_a_handshake_that_hangs_is_not_sent(kind: Kind) -> None:
    with Scripted(lambda wire: wire.wait_for_end()) as server:
        with pytest.raises(NotSent):
            run(call(kind, f"https://127.0.0.1:{server.port}", trusting(), timeout_s=0.4))
        assert b"canary" not in server.arrived


# -- the environment


@EVERY
def test_the_session_keys_are_not_written_to_a_file(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.txt"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with Scripted(serve_either, good_tls()) as server:
        run(call(kind, server, trusting()))
    assert not keys.exists()
    # The control: the usual way to a context does obey the variable.
    assert ssl.create_default_context().keylog_filename == str(keys)


@EVERY
def test_the_environment_does_not_choose_the_roots(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority().ca_file))
    with Scripted(serve_either, good_tls()) as server:
        refused(kind, server, client_context())
    assert any("SSL_CERT_FILE" in record.getMessage() for record in caplog.records)


def test_the_control_the_usual_way_does_let_the_environment_choose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority().ca_file))
    usual = ssl.create_default_context()
    assert authority().der in usual.get_ca_certs(binary_form=True)
    assert authority().der not in client_context().get_ca_certs(binary_form=True)


def test_nothing_is_said_of_a_clean_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    with caplog.at_level(logging.DEBUG):
        client_context()
    assert not caplog.records


# -- the context


def test_the_context_checks_everything() -> None:
    context = client_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert not context.keylog_filename
    assert context.verify_flags & ssl.VERIFY_X509_STRICT


@pytest.mark.parametrize("content", [None, b"", b"no certificate in here"])
def test_a_useless_ca_file_names_the_fix(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        client_context(str(path))
    assert "ca_file" in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_other_errors_are_no_refusal() -> None:
    assert certificate_refused(None, "x") is None
    assert certificate_refused(ssl.SSLError(1, "x"), "x") is None
    assert certificate_refused(ConnectionError(), "x") is None
