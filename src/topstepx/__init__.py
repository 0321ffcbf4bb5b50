"""topstepx: a careful trading client for the TopstepX gateway, with a simulated gateway inside."""

__version__ = "0.1.0"
