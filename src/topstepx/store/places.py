"""Where this program keeps its files: settings and secrets here, journals and logs there.

`TOPSTEPX_HOME` puts both into one folder of your choice.
"""

from __future__ import annotations

import os
from pathlib import Path

from topstepx.errors import ConfigurationError

HOME_VARIABLE = "TOPSTEPX_HOME"


def config_folder() -> Path:
    """The folder of settings and stored keys."""
    home = _home()
    if home is not None:
        return home
    import platformdirs  # noqa: PLC0415  not needed by who only imports the library

    return Path(platformdirs.user_config_dir("topstepx", appauthor=False))


def state_folder() -> Path:
    """The folder of journals, budgets and logs."""
    home = _home()
    if home is not None:
        return home / "state"
    import platformdirs  # noqa: PLC0415  not needed by who only imports the library

    return Path(platformdirs.user_state_dir("topstepx", appauthor=False))


def _home() -> Path | None:
    text = os.environ.get(HOME_VARIABLE)
    if not text:
        return None
    home = Path(text)
    if not home.is_absolute():
        msg = f"{HOME_VARIABLE}={text!r}: must be an absolute path."
        raise ConfigurationError(msg, next_step="Write it from the root on.")
    return home
