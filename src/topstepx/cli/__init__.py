"""The `topstepx` command, one small file per group."""
