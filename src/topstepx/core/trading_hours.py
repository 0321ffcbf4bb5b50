"""When the exchange trades a contract, as far as the weekly calendar tells.

Verified: Globex from Sunday 17:00 to Friday 16:00 Chicago time, with a halt from 16:00 to 17:00 every
day. Assumed: the sessions of grains and livestock. Holidays and early closes are not known, so "open"
here means no more than "silence may be a fault": what follows from it needs evidence of its own.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_CHICAGO: Final = ZoneInfo("America/Chicago")
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6

# By the gateway's own roots (verified, August 2026).
_KINDS: Final = {
    "equity": "EP MES ENQ MNQ RTY M2K YM MYM EMD",
    "crypto": "MBT GMET",
    "crude": "CLE MCLE NQM RBE HOE",
    "gas": "NGE MNG NQG",
    "metal": "PLE GCE MGC SIE SIL CPE MHG",
    "currency": "EU6 M6E EEU BP6 M6B DA6 M6A CA6 JY6 SF6 NE6 MX6",
    "rate": "TUA FVA TYA TNA USA ULA",
    "grain": "ZCE ZWA ZSE ZME ZLE",
    "livestock": "HE GLE",
}
_KIND_OF: Final = {root: kind for kind, roots in _KINDS.items() for root in roots.split()}
_GRAINS_NIGHT: Final = (time(19), time(7, 45))
_GRAINS_DAY: Final = (time(8, 30), time(13, 20))
_LIVESTOCK_DAY: Final = (time(8, 30), time(13, 5))
_GLOBEX_CLOSE, _GLOBEX_OPEN = time(16), time(17)


def root_of_id(contract_id: str) -> str:
    """`MNQ` of `CON.F.US.MNQ.Z26`; the whole for an id of another shape."""
    parts = contract_id.split(".")
    return parts[-2].upper() if len(parts) > 1 else contract_id.upper()


def are_neighbours(one_id: str, other_id: str) -> bool:
    """Whether two contracts keep the same hours and holidays and move alike."""
    one, other = root_of_id(one_id), root_of_id(other_id)
    return one == other or (one in _KIND_OF and _KIND_OF[one] == _KIND_OF.get(other))


def trades_at(contract_id: str, now: datetime) -> bool:
    """Whether the weekly calendar has the contract trade at `now` (aware)."""
    local = now.astimezone(_CHICAGO)
    day, at = local.weekday(), local.time()
    kind = _KIND_OF.get(root_of_id(contract_id))
    if kind == "grain":
        night = at >= _GRAINS_NIGHT[0] if day == _SUNDAY else _is_night(day, at)
        return night or (day <= _FRIDAY and _GRAINS_DAY[0] <= at < _GRAINS_DAY[1])
    if kind == "livestock":
        return day <= _FRIDAY and _LIVESTOCK_DAY[0] <= at < _LIVESTOCK_DAY[1]
    if day == _SATURDAY:
        return False
    if day == _SUNDAY:
        return at >= _GLOBEX_OPEN
    return at < _GLOBEX_CLOSE or (day < _FRIDAY and at >= _GLOBEX_OPEN)


def _is_night(day: int, at: time) -> bool:
    """Grains trade from the evening to the morning after, from Sunday to Friday morning."""
    if day > _FRIDAY:
        return False
    return at < _GRAINS_NIGHT[1] or (day < _FRIDAY and at >= _GRAINS_NIGHT[0])


def traded_throughout(contract_id: str, now: datetime, seconds: float) -> bool:
    """Whether it trades now and did so all the last `seconds`, looked at minute by minute."""
    moment, since = now, now - timedelta(seconds=seconds)
    while moment > since:
        if not trades_at(contract_id, moment):
            return False
        moment -= timedelta(minutes=1)
    return trades_at(contract_id, since)
