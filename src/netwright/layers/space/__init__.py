"""Layers that slide windows over space axes, or pool and resample them."""
