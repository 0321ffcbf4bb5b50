"""The other side: a simulated gateway that speaks the same wire."""
