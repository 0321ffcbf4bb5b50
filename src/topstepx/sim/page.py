"""The simulator's page in a browser: what runs, what is switched on, what happened, what is missing.

Plain HTML made here, every value escaped; style and script are files beside this one, so that the
page can forbid everything inline.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from topstepx.sim.not_modelled import NOT_MODELLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EVENTS = 40
_WRAPPED_FROM = 40


def page(
    info: Mapping[str, Any], market: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> str:
    """The whole page."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>topstepx simulator</title>
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<header>
<h1>topstepx <span>simulated gateway</span></h1>
<p class="calm">Nothing here reaches a real market.</p>
</header>
<main id="live">
{live(info, market, events)}
</main>
<section class="card wide">
<h2>Not modelled</h2>
<ul>{"".join(f"<li>{escape(line)}</li>" for line in NOT_MODELLED)}</ul>
</section>
<footer><p id="state">Shown as of loading; with scripts allowed it renews itself every second.</p></footer>
</body>
</html>
"""


def live(
    info: Mapping[str, Any], market: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> str:
    """The part that changes."""
    return "\n".join(
        (
            _running(info),
            _clock(info["clock"]),
            _accounts(info["accounts"]),
            _faults(info["faults"]),
            _markets(market),
            _switches(info["switches"]),
            _events(events),
        )
    )


def _running(info: Mapping[str, Any]) -> str:
    requests = info["requests"]
    rows = [
        ("Address", info["url"]),
        ("Scenario", info["scenario"]),
        ("Market", info["market"]),
        ("Log in as", info["userName"]),
        ("State file", info["stateFile"] or "in memory only"),
        ("Hub sessions", info["hubSessions"]),
        ("Requests", f"{requests['seen']} ({requests['refusedByLimit']} refused with 429)"),
    ]
    return _card("What runs", _list(rows))


def _clock(clock: Mapping[str, Any]) -> str:
    state = "paused" if clock["paused"] else f"running at {clock['speed']:g}x"
    mark = "warn" if clock["paused"] else "good"
    body = (
        f'<p class="big">{escape(clock["chicago"])} <small>Chicago</small></p>'
        f'<p>{escape(clock["at"][:19])} UTC <span class="tag {mark}">{escape(state)}</span></p>'
    )
    return _card("Clock", body)


def _accounts(accounts: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for one in accounts:
        notes = [
            text
            for on, text in (
                (not one["canTrade"], "may not trade"),
                (one.get("failed"), "failed"),
                (one["follower"], "follower"),
                (one["bracketMode"] == "position", "position brackets"),
                (not one["simulated"], "live"),
            )
            if on
        ]
        rows.append(
            (
                one["id"],
                one["name"],
                _money(one["balance"]),
                _money(one["equity"]),
                _money(one.get("maximumLossAt")),
                _money(one.get("dailyLossAt")),
                ", ".join(notes) or "may trade",
            )
        )
    names = ("Id", "Name", "Balance", "Equity", "Fails at", "Day ends at", "")
    return _card("Accounts", _table(names, rows), wide=True)


def _markets(market: Mapping[str, Any]) -> str:
    rows = [
        (
            one["name"],
            _text(one["bid"]),
            _text(one["ask"]),
            _text(one["last"]),
            _market_state(one),
            ", ".join(
                text
                for on, text in (
                    (one["gapTicks"], f"moved {one['gapTicks']:+d} ticks"),
                    (one["spreadTicks"], f"spread {one['spreadTicks']} ticks"),
                )
                if on
            ),
        )
        for one in market["contracts"]
    ]
    table = _table(("Contract", "Bid", "Ask", "Last", "", "By hand"), rows)
    return _card("Market", table if rows else "<p>Nobody has asked for a contract yet.</p>")


def _market_state(market: Mapping[str, Any]) -> str:
    """One word; a market that nobody follows or trades sleeps, and its prices are old."""
    if market["halted"]:
        return "halted"
    if not market["followed"]:
        return "asleep"
    return "open" if market["open"] else "closed"


def _faults(faults: Sequence[Mapping[str, Any]]) -> str:
    if not faults:
        return _card("Faults", '<p><span class="tag good">calm</span> The plan is empty.</p>')
    rows = []
    for one in faults:
        left = one["state"]
        times = "for ever" if one["times"] is None else f"{one['struck']} of {one['times']}"
        rows.append((one["number"], one["where"], one["text"], times, left))
    return _card(
        "Faults", _table(("No.", "Where", "What", "Struck", ""), rows), wide=True, mark="warn"
    )


def _switches(switches: Mapping[str, Any]) -> str:
    if not switches:
        return _card("Switches", "<p>Every open question has its default answer.</p>")
    return _card("Switches", _list(list(switches.items())))


def _events(events: Sequence[Mapping[str, Any]]) -> str:
    rows = [(one["at"][11:23], one["kind"], one["text"]) for one in reversed(events[-_EVENTS:])]
    body = _table(("At", "", "What happened"), rows) if rows else "<p>Nothing yet.</p>"
    return _card("Events", body, wide=True)


def _card(title: str, body: str, *, wide: bool = False, mark: str = "") -> str:
    classes = " ".join(filter(None, ("card", "wide" if wide else "", mark)))
    return f'<section class="{classes}"><h2>{escape(title)}</h2>{body}</section>'


def _list(rows: Sequence[tuple[str, object]]) -> str:
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in rows)
    return f"<dl>{told}</dl>"


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(map(_shown, row)) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _shown(cell: object) -> str:
    text = str(cell)
    long = ' class="long"' if len(text) > _WRAPPED_FROM else ""
    return f"<td{long}>{escape(text)}</td>"


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def _money(value: Any) -> str:  # noqa: ANN401  a decimal, or nothing
    return "-" if value is None else f"{value:,.2f}"
