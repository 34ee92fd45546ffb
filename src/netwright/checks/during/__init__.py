"""Checks during training: what the hooks of a watch write down, and what is read from it."""
