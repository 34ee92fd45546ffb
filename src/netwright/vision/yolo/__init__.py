"""YOLO: a grid of cells, each of which answers for the objects whose middle it holds."""
