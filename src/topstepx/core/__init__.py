"""The thinking: pure machines that take facts and `now` and return effects."""
