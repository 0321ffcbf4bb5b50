"""Every fact, and nothing but facts.

What happened, what was seen and what we decided are frozen structs in the past tense (`fact` has what
they share). They become true in one place only, `desk.record`, which writes them to the journal, folds
them into the ledger and tells whoever listens.
"""

from topstepx.events.fact import Event, Observation, Origin, Source, decode, encode, event_kinds
from topstepx.events.intents import (
    Action,
    IntentAnswered,
    IntentRecorded,
    IntentResolved,
    IntentSent,
    Outcome,
    Verdict,
)
from topstepx.events.links import (
    Hub,
    LinkConnecting,
    LinkDown,
    LinkLive,
    PayloadMalformed,
    PollingStarted,
    PollingStopped,
    SessionLocked,
    TokenRefreshed,
    TokenSuspect,
)
from topstepx.events.observed import (
    AccountObserved,
    ListName,
    ListRead,
    OrderObserved,
    PositionObserved,
    PositionsListed,
    TradeObserved,
    TradeVoided,
    trade_fact,
)
from topstepx.events.running import ClientStarted, ClientStopped, JournalGapped
from topstepx.events.safety import (
    AlarmRaised,
    BreakerChanged,
    BudgetThrottled,
    ModeCauseAdded,
    ModeCauseCleared,
    ModeChanged,
)

__all__ = [
    "AccountObserved",
    "Action",
    "AlarmRaised",
    "BreakerChanged",
    "BudgetThrottled",
    "ClientStarted",
    "ClientStopped",
    "Event",
    "Hub",
    "IntentAnswered",
    "IntentRecorded",
    "IntentResolved",
    "IntentSent",
    "JournalGapped",
    "LinkConnecting",
    "LinkDown",
    "LinkLive",
    "ListName",
    "ListRead",
    "ModeCauseAdded",
    "ModeCauseCleared",
    "ModeChanged",
    "Observation",
    "OrderObserved",
    "Origin",
    "Outcome",
    "PayloadMalformed",
    "PollingStarted",
    "PollingStopped",
    "PositionObserved",
    "PositionsListed",
    "SessionLocked",
    "Source",
    "TokenRefreshed",
    "TokenSuspect",
    "TradeObserved",
    "TradeVoided",
    "Verdict",
    "decode",
    "encode",
    "event_kinds",
    "trade_fact",
]
