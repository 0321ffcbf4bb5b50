"""What the simulator does not do, so that nobody takes it for the real thing."""

from __future__ import annotations

NOT_MODELLED = (
    "Refusals for lack of funds or margin: their text and code are unknown.",
    "Other traders' orders: yours never move the market.",
    "Cash settlement: a position in a contract that expires stays until it is closed by hand.",
    "Fees that change; most of them are assumed.",
    "Holidays, but for the one of the scenario `holiday`.",
    "Consistency targets, scaling plans, payouts, and whatever else needs the web platform.",
    "Copy trading: a follower account refuses cancels, and copies nothing.",
    "Level-3 queues: your place in the queue is estimated from displayed size.",
)
