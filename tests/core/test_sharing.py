"""The shared token shows nobody its value; the port itself is proven in tests/store."""

from __future__ import annotations

from datetime import UTC, datetime

from topstepx.core.sharing import SharedToken, SharingUnavailable
from topstepx.settings import Secret


def test_it_shows_no_value() -> None:
    token = SharedToken(3, Secret("canary-token"), 1, datetime(2026, 1, 5, tzinfo=UTC), 60.0)
    assert "canary" not in repr(token)


def test_trouble_with_sharing_means_nothing_happened() -> None:
    assert SharingUnavailable("locked").did_it_happen == "no"
