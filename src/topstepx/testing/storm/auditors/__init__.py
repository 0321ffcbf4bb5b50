"""Those who judge a storm: each knows one promise and looks at nothing else."""

from topstepx.testing.storm.auditors.books import Convergence, Replay
from topstepx.testing.storm.auditors.judge import Auditor, Finding
from topstepx.testing.storm.auditors.manners import Bounds, Manners, Silence
from topstepx.testing.storm.auditors.orders import Flatness, Legality, Soundness
from topstepx.testing.storm.auditors.verdicts import Honesty, SingleExecution

AUDITORS: tuple[type[Auditor], ...] = (
    SingleExecution,
    Honesty,
    Convergence,
    Replay,
    Legality,
    Flatness,
    Soundness,
    Manners,
    Bounds,
    Silence,
)

__all__ = [
    "AUDITORS",
    "Auditor",
    "Bounds",
    "Convergence",
    "Finding",
    "Flatness",
    "Honesty",
    "Legality",
    "Manners",
    "Replay",
    "Silence",
    "SingleExecution",
    "Soundness",
]
