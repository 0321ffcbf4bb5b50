"""Sealed files: a readable header that nobody can change, and a content that nobody can read.

AES-256-GCM over the content, with the whole header, version included, authenticated too. The keys come
from `passphrase_key` (Argon2id, slow on purpose) or `derived_key` (from a secret that is random anyway).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
import unicodedata
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.errors import ExtraMissing, TopstepxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.settings import Secret

_LENGTH = struct.Struct(">H")
_NONCE_BYTES, _SALT_BYTES, _KEY_BYTES = 12, 16, 32
_MEMORY_MAX_KIB, _ITERATIONS_MAX, _LANES_MAX = 1024 * 1024, 16, 16


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands readable before the sealed content."""

    version: int
    about: str
    salt: str
    nonce: str
    iterations: int = 0
    memory_kib: int = 0
    lanes: int = 0


class Unsealable(TopstepxError):
    """Not such a file, of a newer version, changed by somebody, or sealed with another key."""


class Slowness(msgspec.Struct, frozen=True):
    """What one guess at a passphrase costs (RFC 9106, second recommended choice)."""

    iterations: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4


def seal(
    magic: bytes,
    about: str,
    content: bytes,
    key_of: Callable[[Header], bytes],
    *,
    slowness: Slowness | None = None,
) -> bytes:
    """Seal `content`; `about` names what it is of, and opening it as something else fails."""
    header = Header(
        version=1,
        about=about,
        salt=b64encode(secrets.token_bytes(_SALT_BYTES)).decode(),
        nonce=b64encode(secrets.token_bytes(_NONCE_BYTES)).decode(),
        iterations=slowness.iterations if slowness else 0,
        memory_kib=slowness.memory_kib if slowness else 0,
        lanes=slowness.lanes if slowness else 0,
    )
    encoded = msgspec.json.encode(header)
    front = magic + _LENGTH.pack(len(encoded)) + encoded
    sealed: bytes = _aes(key_of(header)).encrypt(b64decode(header.nonce), content, front)
    return front + sealed


def unseal(magic: bytes, about: str, data: bytes, key_of: Callable[[Header], bytes]) -> bytes:
    """The content; raises `Unsealable`."""
    start = len(magic) + _LENGTH.size
    if not data.startswith(magic) or len(data) < start:
        raise Unsealable("it is no such file")
    end = start + _LENGTH.unpack_from(data, len(magic))[0]
    try:
        header = msgspec.json.decode(data[start:end], type=Header)
        nonce = b64decode(header.nonce, validate=True)
    except (msgspec.DecodeError, ValueError):
        raise Unsealable("its header cannot be read") from None
    if header.version != 1:
        raise Unsealable(f"it is of version {header.version}, which this program is too old for")
    if header.about != about or len(nonce) != _NONCE_BYTES:
        raise Unsealable("it is not the file it is named as")
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  an extra

    try:
        content: bytes = _aes(key_of(header)).decrypt(nonce, data[end:], data[:end])
    except InvalidTag:
        raise Unsealable("it was sealed with another key, or changed since") from None
    return content


def passphrase_key(passphrase: Secret) -> Callable[[Header], bytes]:
    """The key of a passphrase, by Argon2id with what the header says: tenths of a second, 64 MiB."""

    def key_of(header: Header) -> bytes:
        within = (
            0 < header.iterations <= _ITERATIONS_MAX
            and 0 < header.memory_kib <= _MEMORY_MAX_KIB
            and 0 < header.lanes <= _LANES_MAX
        )
        if not within:
            raise Unsealable("its header asks for an absurd amount of work")
        text = unicodedata.normalize("NFKC", passphrase.reveal())
        try:
            argon = _primitive("cryptography.hazmat.primitives.kdf.argon2", "Argon2id")(
                salt=_salt(header),
                length=_KEY_BYTES,
                iterations=header.iterations,
                lanes=header.lanes,
                memory_cost=header.memory_kib,
            )
        except ValueError:
            raise Unsealable("its header cannot be read") from None
        key: bytes = argon.derive(text.encode())
        return key

    return key_of


def derived_key(secret: Secret, purpose: str) -> Callable[[Header], bytes]:
    """The key for one purpose from a secret that is itself random (HKDF-SHA256)."""

    def key_of(header: Header) -> bytes:
        extracted = hmac.digest(_salt(header), secret.reveal().encode(), hashlib.sha256)
        return hmac.digest(extracted, purpose.encode() + b"\x01", hashlib.sha256)

    return key_of


def _salt(header: Header) -> bytes:
    try:
        return b64decode(header.salt, validate=True)
    except ValueError:
        raise Unsealable("its header cannot be read") from None


def require_cryptography(what: str) -> None:
    """Raise `ExtraMissing` unless the package behind all this is installed."""
    try:
        _primitive("cryptography.hazmat.primitives.kdf.argon2", "Argon2id")
    except ImportError:
        raise ExtraMissing(
            f"{what} needs the package `cryptography`, which is not installed.",
            next_step='Install it: pip install "topstepx[keychain]".',
        ) from None


def _aes(key: bytes) -> Any:  # noqa: ANN401  a class of an extra
    return _primitive("cryptography.hazmat.primitives.ciphers.aead", "AESGCM")(key)


def _primitive(module: str, name: str) -> Any:  # noqa: ANN401  a class of an extra
    from importlib import import_module  # noqa: PLC0415  an extra

    return getattr(import_module(module), name)


def has_cryptography() -> bool:
    """Whether anything can be sealed here."""
    try:
        require_cryptography("This")
    except ExtraMissing:
        return False
    return True
