"""Settings for the whole suite."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Deadlines are off: two busy cores make wall time meaningless. The same examples on every run of
# `make test`, so that a red build is about the change; `make soak` searches with fresh ones.
settings.register_profile(
    "test",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", settings.get_profile("test"), derandomize=False, max_examples=5000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
