"""Layers that are made of layers, one a file; `netwright.layers` exports them."""
