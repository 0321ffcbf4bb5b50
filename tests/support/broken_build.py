"""A deliberately broken build of the whole package, and the storms that must find it out.

Run as a program it imports the package with some lines changed, runs storms until an auditor objects,
and prints `{"seed": ..., "auditors": [...]}`. A line that is not found exactly once is an error, so a
broken build can never silently be whole.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType


@dataclass(frozen=True)
class Broken:
    """One broken build: module -> (old text, new text), and storms that bring it to light."""

    edits: Mapping[str, tuple[str, str]]
    auditor: str
    within: int
    troubles: Mapping[str, float]
    habits: Mapping[str, float]
    more: Mapping[str, Any] = field(default_factory=dict)


BUILDS: dict[str, Broken] = {
    "retry on unknown with a new tag": Broken(
        {
            "topstepx.desk.orders": (
                "        return await self._placed.first(order, intent_id, sent, key)\n",
                (
                    "        if sent.error is not None:\n"
                    "            again, tag = self._writer.name()\n"
                    "            import msgspec\n"
                    "            same = msgspec.structs.replace(request, custom_tag=tag)\n"
                    "            now_ns = self._record.now_ns()\n"
                    "            twin = self._intent(same, again, now_ns, wishes)\n"
                    "            await self._writer.write(twin)\n"
                    "        return await self._placed.first(order, intent_id, sent, key)\n"
                ),
            )
        },
        "SingleExecution",
        3,
        {"answers lost": 20.0},
        {"market": 3.0, "rest": 3.0},
    ),
    "no resubscribe": Broken(
        {
            "topstepx.core.link": (
                (
                    "        for subscription in self._wanted:\n"
                    "            effects += self._ask(subscription, now_ns)\n"
                    "        return effects + self._maybe_live(now_ns)\n"
                ),
                (
                    "        for subscription in self._wanted if self.generation == 1 else ():\n"
                    "            effects += self._ask(subscription, now_ns)\n"
                    "        if self.generation > 1:\n"
                    "            self._confirmed.update(self._wanted)\n"
                    "        return effects + self._maybe_live(now_ns)\n"
                ),
            )
        },
        "Convergence",
        5,
        {"hubs cut": 6.0, "another program": 20.0},
        {"market": 1.0},
    ),
    "no hold during recovery": Broken(
        {
            "topstepx.core.mode": (
                "def rule_of(reason: str) -> CauseRule:\n",
                (
                    "def rule_of(reason: str) -> CauseRule:\n"
                    '    if reason in {"hub_down", "hub_deaf", "recovering"}:\n'
                    '        return CauseRule(Mode.ACTIVE, "")\n'
                ),
            )
        },
        "Darkness",
        3,
        {"hubs cut": 10.0, "another program": 10.0},
        {"market": 3.0, "near": 2.0},
    ),
    "limiter without margin": Broken(
        {
            "topstepx.core.limiter": (
                "        return self._documented_ns + self._spread.spread_ns + SLACK_NS\n",
                "        return self._documented_ns\n",
            )
        },
        "Manners",
        5,
        {},
        {"rest": 20.0, "flatten": 0.4, "burst": 0.3},  # only exits can fill the window's end
        {"storm_s": 150.0, "jitter_s": 0.4, "pace_s": 0.08},
    ),
    "breaker that blocks exits": Broken(
        {"topstepx.net.gate": ("exits=lane is Lane.EXIT)\n", "exits=False)\n")},
        "OpenExit",
        5,
        {"outages": 6.0, "bad gateway": 60.0},
        {"rest": 3.0, "cancel": 3.0, "close": 1.0},
    ),
    "journal after send": Broken(
        {
            "topstepx.desk.write": (
                "            await self._record.commit_durable(recorded)\n",
                "            self._record.commit(recorded)\n",
            )
        },
        "Durability",
        5,
        {"slow disk": 15.0, "crashes": 2.0},
        {"market": 3.0},
    ),
    "reconcile that believes a short list": Broken(
        {
            "topstepx.desk.lookout": (
                "        live = await self.live_orders(account_id)\n",
                (
                    "        live = await self.live_orders(account_id)\n"
                    "        import msgspec\n"
                    "        for one in self._record.ledger.working(account_id):\n"
                    "            if one.id not in {each.id for each in live}:\n"
                    "                over = msgspec.structs.replace("
                    "one.order, status=OrderStatus.CANCELLED)\n"
                    "                self._record.commit(OrderObserved(at=at, order=over,"
                    " origin=how.origin, source=how.source))\n"
                ),
            ),
        },
        "Honesty",
        5,
        {"late lists": 12.0, "another program": 4.0},
        {"market": 3.0, "rest": 3.0, "close": 1.0},
    ),
    "resolver that presumes absence after one look": Broken(
        {
            "topstepx.core.resolve": (
                "        if self.negative < ABSENT_ROUNDS or waited_s < ABSENT_AFTER_S:\n",
                "        if self.negative < 1:\n",
            ),
        },
        "Honesty",
        8,
        {"answers lost": 30.0, "late lists": 30.0, "hubs deaf": 20.0},
        {"market": 3.0, "rest": 3.0},
    ),
    "token refresh without single flight": Broken(
        {
            "topstepx.net.auth": (
                (
                    "        self.machine.refused(token.generation, self._clock.monotonic_ns())\n"
                    "        self._stir()\n"
                ),
                (
                    "        self.machine.refused(token.generation, self._clock.monotonic_ns())\n"
                    "        from topstepx.core.token import Renewal\n"
                    "        self._flight = asyncio.ensure_future(self._renewer.renew(Renewal.VALIDATE))\n"
                ),
            )
        },
        "Manners",
        5,
        {"tokens revoked": 4.0},
        {"burst": 3.0, "market": 1.0},
    ),
    "a line that is left is never let go of": Broken(
        {
            "topstepx.core.link": (
                "        self._connection = None\n        self._was_contested = False\n",
                (
                    "        self.__dict__.setdefault('left', []).append(self._connection)\n"
                    "        self._connection = None\n        self._was_contested = False\n"
                ),
            )
        },
        "Weight",
        4,  # seeds 0 and 3 are weighed
        {"connections reset": 90.0},
        {"read": 1.0},
        {"storm_s": 120.0},
    ),
    "trade told again with every report": Broken(
        {
            "topstepx.core.ledger_trades": (
                "        return None if before == self.belief else TradeChanged(before, self.belief)\n",
                "        return TradeChanged(before, self.belief)\n",
            )
        },
        "Legality",
        3,
        {"events garbled": 20.0, "hubs cut": 6.0},
        {"market": 3.0},
    ),
    "tasks that outlive their client": Broken(
        {
            "topstepx.desk.linkage": (
                "        self.watch.begin(generation)\n",
                (
                    "        self.watch.begin(generation)\n"
                    "        self.__dict__.setdefault('kept', []).append("
                    "asyncio.ensure_future(asyncio.sleep(9e5)))\n"
                ),
            )
        },
        "Bounds",
        2,
        {"hubs cut": 6.0},
        {"market": 1.0},
    ),
    "orders on a locked account": Broken(
        {
            "topstepx.desk.entry_gate": (
                "        if not account.can_trade:\n",
                "        if False:\n",
            ),
            "topstepx.desk.account_watch": (
                "        if account.can_trade:\n",
                "        if True:\n",
            ),
        },
        "Darkness",
        5,
        {"liquidations": 8.0},
        {"market": 3.0, "rest": 3.0},
    ),
    "a used key gives the handle of an order that was never made": Broken(
        {
            "topstepx.desk.placed": (
                "        error = outcome_again(intent, key)\n",
                "        return order\n        error = outcome_again(intent, key)\n",
            )
        },
        "Honesty",
        5,
        {"requests lost": 20.0, "crashes": 3.0},
        {"market": 3.0, "rest": 3.0},
    ),
    "trades that the journal never gets": Broken(
        {
            "topstepx.desk.record": (
                "            if event.is_kept:\n",
                "            if event.is_kept and event.kind != 'TradeObserved':\n",
            )
        },
        "Replay",
        2,
        {},
        {"market": 3.0},
    ),
    "a flatten that looks and does nothing": Broken(
        {
            "topstepx.desk.flatten": (
                "            await self._cancel_all(move.cancel)\n",
                "            return State.FLAT\n",
            )
        },
        "Flatness",
        3,
        {},
        {"market": 3.0, "rest": 3.0},
    ),
    "a listener that raises": Broken(
        {
            "topstepx.desk.account_watch": (
                '        listed_at = ledger.listed_at("accounts")\n',
                '        listed_at = {}["accounts"]\n',
            )
        },
        "Soundness",
        1,
        {},
        {"market": 1.0},
    ),
    "the token in the log": Broken(
        {
            "topstepx.net.renewal": (
                "            self.error = None\n            if token is None and",
                (
                    "            self.error = None\n"
                    '            _LOG.warning("logged in: %s", value)\n'
                    "            if token is None and"
                ),
            )
        },
        "Silence",
        1,
        {},
        {"market": 1.0},
    ),
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the package's modules as usual, and gives the changed ones a loader that changes them."""

    def __init__(self, edits: Mapping[str, tuple[str, str]]) -> None:
        self._edits = edits

    def find_spec(
        self,
        name: str,
        path: Any,  # noqa: ANN401  the base class says so
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._edits:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(name, spec.origin, self._edits[name])
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, edit: tuple[str, str]) -> None:
        super().__init__(name, path)
        self._edit = edit

    def get_code(self, fullname: str) -> Any:  # noqa: ANN401  the base class says so
        old, new = self._edit
        text = self.get_data(self.path).decode()
        assert text.count(old) == 1, f"{fullname}: found {text.count(old)} times: {old}"
        return compile(text.replace(old, new), self.path, "exec", dont_inherit=True)


def find_out(name: str, seeds: int) -> dict[str, object]:
    """The first seed at which an auditor objects to a broken build, and which ones do."""
    build = BUILDS[name]
    sys.meta_path.insert(0, _Finder(build.edits))
    from topstepx.testing.storm.options import Options  # noqa: PLC0415  only now it is broken
    from topstepx.testing.storm.run import run_storm  # noqa: PLC0415  only now it is broken

    how = {"storm_s": 45.0, "pace_s": 0.7, "jitter_s": 0.02, **build.more}
    others: set[str] = set()
    for seed in range(seeds):
        options = Options(seed=seed, troubles=build.troubles, habits=build.habits, **how)
        outcome = run_storm(options)
        if build.auditor in outcome.failed:
            said = [str(one) for one in outcome.findings if one.auditor == build.auditor]
            return {"seed": seed, "auditors": sorted(outcome.failed), "said": said[:3]}
        others |= outcome.failed
    return {"seed": None, "auditors": sorted(others)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(find_out(sys.argv[1], int(sys.argv[2]))) + "\n")
