"""`python -m topstepx`: the same as the `topstepx` command."""

from __future__ import annotations

import sys

from topstepx.cli.main import main

sys.exit(main())
