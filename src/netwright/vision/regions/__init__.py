"""Regions of images that may hold objects, found without learning."""
