"""Boxes: what two of them share, formats, coding, grids, suppression, fusion, anchors, pooling of regions."""
