"""``netwright serve``: its options, and the command."""
