"""The doing: the only awaits on the outside world."""
