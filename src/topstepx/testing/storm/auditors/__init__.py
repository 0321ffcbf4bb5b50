"""Those who judge a storm: each knows one promise and looks at nothing else."""

from topstepx.testing.storm.auditors.books import Convergence, Durability, Replay
from topstepx.testing.storm.auditors.judge import Auditor, Finding
from topstepx.testing.storm.auditors.manners import Bounds, Manners, Silence
from topstepx.testing.storm.auditors.orders import Darkness, Flatness, Legality, OpenExit, Soundness
from topstepx.testing.storm.auditors.verdicts import Honesty, SingleExecution
from topstepx.testing.storm.auditors.weight import Weight

AUDITORS: tuple[type[Auditor], ...] = (
    SingleExecution,
    Honesty,
    Convergence,
    Replay,
    Durability,
    Legality,
    Flatness,
    Darkness,
    OpenExit,
    Soundness,
    Manners,
    Bounds,
    Weight,
    Silence,
)

__all__ = [
    "AUDITORS",
    "Auditor",
    "Bounds",
    "Convergence",
    "Darkness",
    "Durability",
    "Finding",
    "Flatness",
    "Honesty",
    "Legality",
    "Manners",
    "OpenExit",
    "Replay",
    "Silence",
    "SingleExecution",
    "Soundness",
    "Weight",
]
