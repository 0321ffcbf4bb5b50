"""Every fact: immutable, in the past tense, with its time, origin and cause."""
