"""Gases: units that spread over the data and join where rows lie between them."""
