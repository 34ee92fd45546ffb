"""Self-organizing maps: units on a grid, where neighbours learn together."""
