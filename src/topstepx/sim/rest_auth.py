"""`Auth/*` and `Status/ping`."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from topstepx.sim.answers import GatewayAnswer, json_answer, text_answer
from topstepx.wire.models import Envelope, TokenAnswer, ValidateAnswer

if TYPE_CHECKING:
    from topstepx.sim.calls import Call
    from topstepx.sim.gateway import Gateway

_INVALID_CREDENTIALS = 3
_AGREEMENTS = "Please log into the ProjectX platform and complete the required agreements"


def login_key(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """A token for a user name (any case) and key; code 3 for both unknown and wrong (verified)."""
    user = gateway.users.get(body["userName"].strip().lower())
    if user is None or not _same(user.api_key, body["apiKey"]):
        return _refused(_INVALID_CREDENTIALS)
    if user.login_code:
        return _refused(user.login_code, _AGREEMENTS if user.login_code == 7 else None)  # noqa: PLR2004  seven is AgreementsNotSigned
    return _logged_in(gateway, call, user.name)


def login_app(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """The withdrawn login of applications: the key stands for password and verify key (assumed)."""
    user = gateway.users.get(body["userName"].strip().lower())
    if user is None:
        return _refused(1)
    objections = (
        (2, not _same(user.api_key, body["password"])),
        (4, not body["appId"]),
        (5, not _same(user.api_key, body["verifyKey"])),
        (6, not body["deviceId"]),
        (user.login_code, user.login_code != 0),
    )
    for code, objects in objections:
        if objects:
            return _refused(code)
    return _logged_in(gateway, call, user.name)


def validate(gateway: Gateway, call: Call, _body: dict[str, Any]) -> Envelope:
    """Whatever the token policy gives back."""
    session = call.known_session
    new_token = gateway.tokens.rotate(call.token, session, call.now)
    return ValidateAnswer(success=True, error_code=0, new_token=new_token)


def log_out(gateway: Gateway, call: Call, _body: dict[str, Any]) -> Envelope:
    """End this token, or all of the user's (unknown which)."""
    gateway.tokens.log_out(call.token, call.known_session)
    return Envelope(success=True, error_code=0)


def ping(gateway: Gateway, call: Call) -> GatewayAnswer:
    """The text `pong`, plain or as JSON (both assumed)."""
    if gateway.switches.ping_as_json:
        return json_answer("pong", call.headers)
    return text_answer("pong")


def _same(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode())


def _refused(code: int, message: str | None = None) -> TokenAnswer:
    return TokenAnswer(success=False, error_code=code, error_message=message, token=None)


def _logged_in(gateway: Gateway, call: Call, user_name: str) -> TokenAnswer:
    if gateway.tokens.policy.login_kills:
        for session in gateway.hubs.of():
            if session.user_name == user_name:
                gateway.hubs.kick(session, call.now)
    token = gateway.tokens.issue(user_name, call.now)
    return TokenAnswer(success=True, error_code=0, token=token)
