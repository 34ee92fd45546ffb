"""Checks before training: data, graph, start, loss and first steps, on copies."""
