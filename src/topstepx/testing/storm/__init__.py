"""Storms: the real client against the real venue in one thread, judged by the venue's own books.

A seed decides everything: which troubles there are and how often, what the trader does, how long the
way to the gateway is, and (for half of the seeds) in which order ready callbacks run. Three phases:

* *storm*: faults, cuts, crashes, other programs, and a trader who trades on;
* *calm*: no trouble any more; everything that was held arrives, everything open is decided;
* *audit*: the auditors compare what the client believed, said and did with what happened.

`run.run_storm(seed)` runs one. The same seed gives the same trace, byte for byte.
"""
