"""The kit for tests: virtual time, in-memory twins and storms of faults."""
