"""Processes that share a run: how they are started, and weights that are spread over them."""
