"""What each error means, and what to do next: one row per exception of `topstepx.errors`, by its name.

The words are for a trader. A raised error may know better (the gateway's own reason, the field that was
wrong) and then says that instead. A class without a row speaks with its parent's words.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """A plain sentence without its full stop, and a whole one to act on."""

    meaning: str
    next_step: str


_LOOK: Final = "Look at orders, trades and position before you send anything again."

WORDS: Final[dict[str, Words]] = {
    "TopstepxError": Words("something went wrong", "Read the message."),
    "InvalidRequest": Words(
        "a value was refused on this computer, before anything was sent",
        "Correct the field that the message names.",
    ),
    "PriceOffGrid": Words(
        "the price is not on the contract's tick grid", "Use `below` or `above`."
    ),
    "ContractUnknown": Words("no contract, or several, have that name", "Use one of `near`."),
    "AccountUnknown": Words("no account, or several, have that name", "Use one of `near`."),
    "ConfigurationError": Words(
        "a setting is missing or wrong", "Correct the setting that the message names."
    ),
    "ProfileUnknown": Words("there is no environment of that name", "Use a name from the message."),
    "CredentialsMissing": Words("nobody said who logs in", "Store a user name and an API key."),
    "KeychainUnavailable": Words(
        "the system's keychain cannot be used", "Unlock it, or keep the key in a sealed file."
    ),
    "PassphraseRefused": Words(
        "the passphrase is missing or wrong", "Give the passphrase the file was sealed with."
    ),
    "FileNotPrivate": Words(
        "others may read or replace a file that holds a secret",
        "Take their rights away, then create a new API key.",
    ),
    "ExtraMissing": Words("an optional package is not installed", "Install what the message says."),
    "RefusedHere": Words("a rule of this client said no; nothing was sent", "Read the message."),
    "TradingDisabled": Words("this client only reads", "Connect with trade=True, and with limits."),
    "ModeRefused": Words(
        "the account's trading mode forbids it; cancelling and closing still work",
        "End the causes that the message names.",
    ),
    "LimitRefused": Words("one of your own limits forbids it", "Trade smaller, or cancel first."),
    "DuplicateOrder": Words(
        "the same order left a moment ago, so this one was not sent",
        "Look at `order`; if you mean two of them, pass allow_duplicate=True.",
    ),
    "AccountCannotTrade": Words(
        "the gateway says that this account may not trade", "Ask the firm."
    ),
    "ExitUnavailable": Words(
        "this account could be entered but not left again, so nothing may enter it",
        "Use the web platform for this account.",
    ),
    "RateLimited": Words(
        "the request budget has no room for it now, so nothing was sent",
        "Try again after `retry_after_s`.",
    ),
    "BreakerOpen": Words(
        "this part of the gateway keeps failing and is left alone, so nothing was sent",
        "Wait: it is tried again by itself. Cancelling and closing still work.",
    ),
    "DeadlinePassed": Words(
        "it could not be sent before its deadline, so it was not sent",
        "Decide again with the market as it is now.",
    ),
    "GatewayRefused": Words("the gateway said no, and nothing was done", "Read its reason."),
    "OrderRefused": Words(
        "the gateway refused the order; it does not work, even if it has an id",
        "Read the gateway's reason, correct the order and place a new one.",
    ),
    "LoginRefused": Words(
        "the gateway refused the login for good", "Correct user name and API key; do not repeat it."
    ),
    "GatewayBusy": Words(
        "too many requests in the gateway's window (HTTP 429); this one was not executed",
        "Wait for `retry_after_s`; other programs of yours share the budget.",
    ),
    "AuthBroken": Words(
        "the gateway refuses its own tokens, or the session is over",
        "Log in on the website once, then check the API key.",
    ),
    "NotSent": Words(
        "no byte of it reached the gateway", "Check this computer's network; then try again."
    ),
    "PinMismatch": Words(
        "the server's certificate holds none of your pinned keys, so nothing was sent",
        "Check from another network; renew the pins if the operator changed the key.",
    ),
    "UpgradeRefused": Words(
        "a hub refused to open", "Nothing to do: it is tried again by itself; look at health()."
    ),
    "AnswerLost": Words("it was sent, or may have been, and no answer came back", _LOOK),
    "AnswerUnusable": Words("the answer does not say what happened", _LOOK),
    "OrderUnresolved": Words(
        "it is not known yet whether the order exists; it is being looked for",
        "Do not send it again: watch `order`.",
    ),
    "ModifyConflict": Words(
        "the order reads neither as it was nor as you wanted it: somebody else changed it",
        "Look at `order`, then decide again.",
    ),
    "NotFlat": Words(
        "it could not be shown that everything is closed and cancelled",
        "Look at `remaining`; close it, on the web platform if need be.",
    ),
    "NotFilled": Words(
        "the order or close ended, or your time ran out, before all was filled",
        "Look at the order and the position.",
    ),
    "NotReady": Words(
        "the account was not read yet, so it is not known what it holds",
        "Await `ready(account)` first.",
    ),
    "StaleData": Words(
        "what is known is older than you allowed",
        "Do not act on it; `health()` says what is missing.",
    ),
    "StreamLagged": Words(
        "you read a stream too slowly, and it lost messages",
        "Open the stream again; for facts, look at `tsx.state` in the same step.",
    ),
    "RecordUnavailable": Words(
        "the journal cannot be written, so nothing was sent", "Free the disk, or its permissions."
    ),
    "RecordDamaged": Words(
        "the journal's content is not what was written to it",
        "Keep the file, look at the account on the web platform, then begin a new journal.",
    ),
    "IntentsLeftOpen": Words(
        "the client ended, and it is not known what became of some requests",
        "Start again: that looks for each of them first.",
    ),
    "RemoteProtocolError": Words(
        "a hub spoke what SignalR does not know",
        "Nothing to do: the hub is opened again; tell the maintainers.",
    ),
    "HandshakeRefused": Words(
        "a hub refused our handshake",
        "Nothing to do: the hub is opened again; tell the maintainers.",
    ),
}
