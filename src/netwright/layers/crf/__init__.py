"""Conditional random fields: the layer, its module, the sums over paths, the schemes of spans."""
