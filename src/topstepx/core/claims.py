"""What a session token says about itself.

Decoded, never verified: it decides when to renew and nothing else. What is valid, the gateway decides.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

_JWT_PARTS = 3
_NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
_NAME_IDENTIFIER = f"{_NAME}identifier"


@dataclass(frozen=True, slots=True)
class Claims:
    """When the token ends and whose it is; None for what it does not say."""

    expires_at: datetime | None = None
    subject: str | None = None


class _Payload(msgspec.Struct):
    exp: float | None = None
    sub: str | None = None
    identifier: str | None = msgspec.field(default=None, name=_NAME_IDENTIFIER)
    user: str | None = msgspec.field(default=None, name=_NAME)


def read_claims(token: str) -> Claims:
    """The claims of a JSON web token; empty ones for anything else.

    The owner is `sub`, or else one of the two long names that ASP.NET uses for it (observed live).
    """
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return Claims()
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        payload = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Payload, strict=False)
        expires_at = datetime.fromtimestamp(payload.exp, UTC) if payload.exp is not None else None
    except (msgspec.DecodeError, binascii.Error, ValueError, OverflowError, OSError):
        return Claims()
    return Claims(expires_at, payload.sub or payload.identifier or payload.user)
