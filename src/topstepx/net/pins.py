"""Public-key pins: a second lock behind the certificate check, never instead of it.

Theory of operation. A context makes its TLS objects from the class that it is given, and asyncio lets
that object finish the handshake before a single byte of ours is written. Our class looks at the keys
of the verified chain at that moment. (aiohttp's `Fingerprint` switches the certificate check off and
is not used.) A pin is the base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo, as `openssl`
and browsers write it; the issuing authority's key outlives the server's own.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import ssl
from typing import TYPE_CHECKING, Any

from topstepx.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.clock import Clock
    from topstepx.settings import Pins

_LOG = logging.getLogger("topstepx.tls")

_VERSION = 0xA0
_LONG = 0x80
_BEFORE_KEY = 5
"""In a certificate the serial number, algorithm, issuer, validity and subject stand before the key."""


class PinsDoNotMatch(ssl.SSLCertVerificationError):
    """The chain is valid and holds none of the pinned keys; `seen` are the pins it does have."""

    def __init__(self, seen: tuple[str, ...]) -> None:
        super().__init__(1, "no pinned key in the certificate chain")
        self.seen = seen


def pin(context: ssl.SSLContext, pins: Pins, clock: Clock | None = None) -> None:
    """Check `pins` at the end of every handshake that `context` makes."""
    check = _Check(pins, clock or SystemClock())

    class PinnedObject(ssl.SSLObject):
        """The stock TLS object, with one more question before it calls the handshake done."""

        def do_handshake(self) -> None:
            super().do_handshake()
            check(verified_chain(self))

    context.sslobject_class = PinnedObject


def is_pinned(context: ssl.SSLContext | None) -> bool:
    """Whether this context checks more than the stock one, and so needs its own TLS objects."""
    return context is not None and context.sslobject_class is not ssl.SSLObject


class _Check:
    """Compares one chain after the other, and warns once about each thing worth a warning."""

    def __init__(self, pins: Pins, clock: Clock) -> None:
        self._pins = pins
        self._wanted = frozenset(pins.spki_sha256)
        self._clock = clock
        self._warned: set[tuple[str, ...]] = set()

    def __call__(self, chain: list[bytes]) -> None:
        if self._clock.now() >= self._pins.until:
            self._warn((), "The pins ended on %s; only certificates are checked.", self._pins.until)
            return
        seen = tuple(spki_sha256(certificate) for certificate in chain)
        if self._wanted.intersection(seen):
            return
        if not self._pins.report_only:
            raise PinsDoNotMatch(seen)
        self._warn(seen, "No pinned key in the chain (report only). Seen: %s.", ", ".join(seen))

    def _warn(self, about: tuple[str, ...], text: str, value: object) -> None:
        if about not in self._warned:
            self._warned.add(about)
            _LOG.warning(text, value)


def verified_chain(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates from the server's own up to the root, as verified, in DER."""
    public: Callable[[], list[bytes]] | None = getattr(tls, "get_verified_chain", None)
    if public is not None:
        return public()
    # Python 3.11 and 3.12 have the chain below the public object, and will not change any more.
    inner: Any = getattr(tls, "_sslobj", None)
    try:
        return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner.get_verified_chain()]
    except AttributeError:
        own = tls.getpeercert(binary_form=True)
        return [own] if own else []


def spki_sha256(certificate: bytes) -> str:
    """The pin of one certificate (DER, already verified by OpenSSL)."""
    inside, _ = _open(certificate, 0)
    position, _ = _open(certificate, inside)
    if certificate[position] == _VERSION:
        position = _end(certificate, position)
    for _ in range(_BEFORE_KEY):
        position = _end(certificate, position)
    key = certificate[position : _end(certificate, position)]
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def _open(der: bytes, position: int) -> tuple[int, int]:
    """Where the contents of the element at `position` begin and end."""
    size, start = der[position + 1], position + 2
    if size >= _LONG:
        width = size - _LONG
        size, start = int.from_bytes(der[start : start + width], "big"), start + width
    return start, start + size


def _end(der: bytes, position: int) -> int:
    return _open(der, position)[1]
