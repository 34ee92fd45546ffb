"""Radial basis functions: answers weighted by the distance to what is known."""
