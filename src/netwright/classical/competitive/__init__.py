"""Competitive learning: units that win rows move towards them."""
