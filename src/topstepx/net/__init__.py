"""The doing: the only awaits on the outside, for REST and for the hubs."""
