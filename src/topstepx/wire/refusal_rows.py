"""The gateway's error codes, one table per endpoint family.

Each family counts from 0 again, so that code 2 means five different things (verified). Names are the
gateway's. A row is *definite* when the code proves that nothing was done, and *unknown* when it does
not: "pending" and "unknown error" may hide an order that works. Which login codes lock, that is, which
make another try pointless until a person has changed something, is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from topstepx.wire.routes import ErrorTable

OutcomeKind = Literal["definite", "unknown"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal means and what to do next.

    ``outcome`` "definite": nothing was done. "unknown": it may have been, so look before you act.
    ``locks``: no automatic repeat until a person has changed something. ``cause`` is a short stable
    word where the gateway's text told more than its code, such as "bracket_mode"; None otherwise.
    """

    table: ErrorTable
    code: int | None
    name: str
    meaning: str
    next_step: str
    outcome: OutcomeKind
    locks: bool = False
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, before it knows its table and number."""

    name: str
    meaning: str
    next_step: str
    outcome: OutcomeKind = "definite"
    locks: bool = False


_FIND_OUT: Final = "Do not send it again: look the order up and wait until its state is known."

_UNKNOWN_ERROR = Row(
    "UnknownError",
    "something failed inside the gateway, before or after it acted",
    _FIND_OUT,
    "unknown",
)
_NO_ACCOUNT = Row(
    "AccountNotFound",
    "this login has no account with that id",
    "List the accounts and use one of those ids.",
)
_NO_CONTRACT = Row(
    "ContractNotFound",
    "there is no contract with that id",
    "Search the contract; ids change with every expiry.",
)
_CONTRACT_INACTIVE = Row(
    "ContractNotActive",
    "the contract is not traded (any more)",
    "Use the front month.",
)
_ACCOUNT_MAY_NOT = "this account may not do that through the API (live, follower or locked account)"
_USE_PLATFORM: Final = "Use the web platform for this account, now if a position is open."
_PENDING_ORDER = Row(
    "OrderPending",
    "the gateway took the order but does not say yet what became of it",
    _FIND_OUT,
    "unknown",
)

_LOGIN: Final = {
    1: Row(
        "UserNotFound",
        "no user has that name",
        "Check the user name: the platform's login name (some users report the e-mail address).",
        locks=True,
    ),
    2: Row(
        "PasswordVerificationFailed",
        "the password was not accepted",
        "Check the password; repeated failures may lock the user.",
        locks=True,
    ),
    3: Row(
        "InvalidCredentials",
        "user name and API key do not belong together, or the key was revoked",
        "Create a new API key on the platform and log in with that.",
        locks=True,
    ),
    4: Row("AppNotFound", "no application has that id", "Log in with an API key.", locks=True),
    5: Row(
        "AppVerificationFailed",
        "the application's key was not accepted",
        "Log in with an API key.",
        locks=True,
    ),
    6: Row(
        "InvalidDevice", "the device id was not accepted", "Log in with an API key.", locks=True
    ),
    7: Row(
        "AgreementsNotSigned",
        "agreements of the platform are waiting for your signature",
        "Log in to the platform's web page and complete them.",
        locks=True,
    ),
    8: Row(
        "UnknownError",
        "the login failed inside the gateway",
        "Nothing is wrong with your credentials as far as we know; try again in a while.",
        "unknown",
    ),
    9: Row(
        "ApiSubscriptionNotFound",
        "this user has no (paid) API subscription",
        "Subscribe to API access on the platform.",
        locks=True,
    ),
    10: Row(
        "ApiKeyAuthenticationDisabled",
        "logging in with an API key is switched off for this user",
        "Ask the firm's support.",
        locks=True,
    ),
}
_LOG_IN_AGAIN: Final = "Log in again."
_LOGOUT: Final = {
    1: Row("InvalidSession", "the token belongs to no session (any more)", "Nothing to do."),
    2: Row(
        "UnknownError",
        "the gateway cannot say whether the session ended",
        "Treat the token as still valid, and keep it secret.",
        "unknown",
    ),
}
_VALIDATE: Final = {
    1: Row("InvalidSession", "the token belongs to no valid session", _LOG_IN_AGAIN),
    2: Row("SessionNotFound", "the gateway does not know the session", _LOG_IN_AGAIN),
    3: Row("ExpiredToken", "the token is older than its 24 hours", _LOG_IN_AGAIN),
    4: Row(
        "UnknownError",
        "the gateway cannot say whether the token is still good",
        "Keep using the token, and log in for a new one.",
        "unknown",
    ),
}
_BARS: Final = {
    1: _NO_CONTRACT,
    2: Row("UnitInvalid", "no bars of that unit", "Use second, minute, hour, day, week or month."),
    3: Row(
        "UnitNumberInvalid", "no bars of that length", "Use 1 or a small whole number of units."
    ),
    4: Row("LimitInvalid", "more bars than one call gives", "Ask for 1 to 20,000 bars at once."),
}
_PLACE: Final = {
    1: _NO_ACCOUNT,
    2: Row(
        "OrderRejected",
        "the gateway refused the order; its tag is used up all the same",
        "Read the gateway's words, correct the order and place a new one.",
    ),
    3: Row(
        "InsufficientFunds",
        "the account cannot carry this order",
        "Trade a smaller size, or free margin first.",
    ),
    4: Row(
        "AccountViolation",
        "a rule of the account forbids it (loss limit, position limit or a lock)",
        "Look at the account on the platform before you trade on.",
    ),
    5: Row("OutsideTradingHours", "the market is closed", "Wait for the session to open."),
    6: _PENDING_ORDER,
    7: _UNKNOWN_ERROR,
    8: _NO_CONTRACT,
    9: _CONTRACT_INACTIVE,
    10: Row("AccountRejected", _ACCOUNT_MAY_NOT, "Trade an account that may use the API."),
}
_CANCEL: Final = {
    1: _NO_ACCOUNT,
    2: Row(
        "OrderNotFound",
        "no working order has that id: filled, cancelled and never existed look alike",
        "Look the order up before you believe any of the three.",
    ),
    3: Row("Rejected", "the gateway would not cancel it", "Look the order up, then decide."),
    4: Row(
        "Pending",
        "the cancel is under way, and a fill may still win",
        "Wait until the order has ended; a cancel may be repeated.",
        "unknown",
    ),
    5: Row(
        "UnknownError",
        "something failed; also what a filled or cancelled order gets",
        "Look the order up; a cancel may be repeated.",
        "unknown",
    ),
    6: Row("AccountRejected", _ACCOUNT_MAY_NOT, _USE_PLATFORM),
}
_MODIFY: Final = {
    1: _NO_ACCOUNT,
    2: Row(
        "OrderNotFound",
        "no working order has that id: it may have been filled or cancelled meanwhile",
        "Look the order up.",
    ),
    3: Row(
        "Rejected",
        "the gateway would not change it; the order stays as it was",
        "Read the gateway's words and correct the change.",
    ),
    4: Row(
        "Pending",
        "the change is under way",
        "Look the order up and compare before you change it again.",
        "unknown",
    ),
    5: Row(
        "UnknownError",
        "something failed, before or after the change",
        "Look the order up and compare before you change it again.",
        "unknown",
    ),
    6: Row("AccountRejected", _ACCOUNT_MAY_NOT, _USE_PLATFORM),
    7: _NO_CONTRACT,
}
_NO_POSITION = Row(
    "PositionNotFound",
    "there is no position in this contract: it is flat already",
    "Nothing to close; cancel what orders are left on the contract.",
)
_CLOSE_REJECTED = Row(
    "OrderRejected",
    "the gateway would not send the closing order (market closed or no price, most often)",
    "Look at the position; try again when the market is open, or use the web platform.",
)
_CLOSE_PENDING = Row(
    "OrderPending",
    "the closing order was taken, and what became of it is not known yet",
    "Look at the position until it is flat; do not enter this contract meanwhile.",
    "unknown",
)
_CLOSE_UNKNOWN = Row(
    "UnknownError",
    "something failed, before or after the closing order",
    "Look at position and trades before you do anything else on this contract.",
    "unknown",
)
_CLOSE: Final = {
    1: _NO_ACCOUNT,
    2: _NO_POSITION,
    3: _NO_CONTRACT,
    4: _CONTRACT_INACTIVE,
    5: _CLOSE_REJECTED,
    6: _CLOSE_PENDING,
    7: _CLOSE_UNKNOWN,
    8: Row("AccountRejected", _ACCOUNT_MAY_NOT, _USE_PLATFORM),
}
_PARTIAL_CLOSE: Final = {
    1: _NO_ACCOUNT,
    2: _NO_POSITION,
    3: _NO_CONTRACT,
    4: _CONTRACT_INACTIVE,
    5: Row(
        "InvalidCloseSize",
        "the size is not between 1 and the position's: somebody may have reduced it meanwhile",
        "Look at the position and work out the size again.",
    ),
    6: _CLOSE_REJECTED,
    7: _CLOSE_PENDING,
    8: _CLOSE_UNKNOWN,
    9: Row("AccountRejected", _ACCOUNT_MAY_NOT, _USE_PLATFORM),
}

ROWS: Final[dict[ErrorTable, dict[int, Row]]] = {
    ErrorTable.LOGIN: _LOGIN,
    ErrorTable.LOGOUT: _LOGOUT,
    ErrorTable.VALIDATE: _VALIDATE,
    ErrorTable.SUCCESS_ONLY: {},
    ErrorTable.CONTRACT_BY_ID: {1: _NO_CONTRACT},
    ErrorTable.BARS: _BARS,
    ErrorTable.ACCOUNT_READ: {1: _NO_ACCOUNT},
    ErrorTable.ORDER_BY_ID: {
        1: Row(
            "OrderNotFound",
            "the account has no order with that id (or it is not visible yet)",
            "Check the id; right after placing, look again in a few seconds.",
        )
    },
    ErrorTable.PLACE: _PLACE,
    ErrorTable.MODIFY: _MODIFY,
    ErrorTable.CANCEL: _CANCEL,
    ErrorTable.CLOSE: _CLOSE,
    ErrorTable.PARTIAL_CLOSE: _PARTIAL_CLOSE,
}
