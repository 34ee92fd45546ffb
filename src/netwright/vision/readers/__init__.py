"""Readers: true boxes from the files of Pascal VOC, COCO and YOLO, and from tables."""
