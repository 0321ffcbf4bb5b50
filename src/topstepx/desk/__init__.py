"""The trader's words: accounts, contracts, orders, positions, market data."""
