"""The memory: the journal, the credentials and what processes share."""
