"""Memories: patterns that are stored at once, recalled from parts, or looked up in tables."""
