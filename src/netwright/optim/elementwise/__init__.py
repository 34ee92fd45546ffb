"""Rules that treat every weight by itself, where torch has none: their shell, and what the resilient ones share."""
