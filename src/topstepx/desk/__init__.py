"""The speaking: orders, positions and markets in the words of a trader."""
