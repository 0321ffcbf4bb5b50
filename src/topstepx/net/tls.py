"""Our own TLS rules, the same for REST and hubs.

Built from the bare protocol object rather than `ssl.create_default_context`, because that one obeys
SSLKEYLOGFILE: a variable in the environment would write the session keys to a file. The roots come
from the system's own place, not from SSL_CERT_FILE or SSL_CERT_DIR: who may vouch for the gateway is a
setting (`ca_file`), not something that a shell profile decides.
"""

from __future__ import annotations

import logging
import os
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from topstepx.errors import ConfigurationError, NotSent, PinMismatch, sanitised
from topstepx.net.pins import PinsDoNotMatch, pin

if TYPE_CHECKING:
    from topstepx.clock import Clock
    from topstepx.settings import Pins

_LOG = logging.getLogger("topstepx.tls")
_IGNORED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def client_context(
    ca_file: str | None = None, *, pins: Pins | None = None, clock: Clock | None = None
) -> ssl.SSLContext:
    """A client context: TLS 1.2 or newer, certificate and host name checked, system roots.

    `ca_file` adds roots of your own (a PEM file), for a gateway behind a private authority. `pins` are
    checked after all of that, never instead of it; `clock` tells whether they have ended. Raises
    `ConfigurationError` when a file cannot be read or there is no root at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    found = _load_system_roots(context)
    if ca_file is not None:
        _load(context, ca_file)
    elif found:
        # Public authorities keep to the standard. One made by hand, as behind `ca_file`, may not.
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        msg = "This Python knows no certificate authority, so no gateway could be trusted."
        raise ConfigurationError(
            msg,
            next_step="Install your system's ca-certificates (python.org on macOS: run "
            "'Install Certificates.command'), or name a PEM file as ca_file.",
        )
    if pins is not None:
        pin(context, pins, clock)
    ignored = [name for name in _IGNORED if os.environ.get(name)]
    if ignored:
        _LOG.warning("%s: set in the environment and ignored; see ca_file.", ", ".join(ignored))
    return context


def _load_system_roots(context: ssl.SSLContext) -> bool:
    """Load the roots this system trusts, past the environment; False when it has none."""
    if sys.platform == "win32":
        for store in ("CA", "ROOT"):
            for certificate, encoding, trusted in ssl.enum_certificates(store):
                server = trusted is True or ssl.Purpose.SERVER_AUTH.oid in trusted
                if encoding == "x509_asn" and server:
                    context.load_verify_locations(cadata=certificate)
        return bool(context.cert_store_stats()["x509"])
    place = ssl.get_default_verify_paths()
    file = place.openssl_cafile if Path(place.openssl_cafile).is_file() else None
    folder = place.openssl_capath if Path(place.openssl_capath).is_dir() else None
    if file is None and folder is None:
        return False
    context.load_verify_locations(cafile=file, capath=folder)
    return True


def _load(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:
        msg = (
            f"ca_file={ca_file!r}: no certificates could be read from it ({type(error).__name__})."
        )
        raise ConfigurationError(
            msg, next_step="Name a PEM file with the authority's own."
        ) from None


def certificate_refused(error: BaseException | None, where: str) -> NotSent | None:
    """The error to raise when `error` says that we refused the certificate, else None.

    The text is OpenSSL's own fixed reason; what it says of names is the host that we asked for.
    """
    if isinstance(error, PinsDoNotMatch):
        return PinMismatch(
            f"{where}: the certificate is valid, but none of your pins is in it. Nothing was sent.",
            next_step="Somebody may be between you and the gateway. If its operator changed the key, "
            "check that from another network and renew your pins; do not remove them in a hurry.",
            seen=error.seen,
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = sanitised(str(getattr(error, "verify_message", "")), 120) or "not valid"
        return NotSent(
            f"{where}: the certificate was refused ({reason}). Nothing was sent.",
            next_step="Check this computer's clock and network; an authority of your own goes into "
            "ca_file.",
            fault="tls",
            lasting=True,
        )
    return None
