"""``netwright export``: its options, and the command."""
