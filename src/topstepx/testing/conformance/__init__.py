"""A mirror for others: any client program, in any language, through numbered cards of trouble.

The judge starts a simulated gateway on a free port and the program under test, tells it over standard
input what to do, lets things go wrong, and compares what the program says with the venue's own books.
The protocol is in docs/conformance.md.
"""
