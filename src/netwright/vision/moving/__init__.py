"""Augmentation of images with their boxes: what moves an image moves the boxes of its objects."""

from netwright.vision.moving.boxes import move_boxes
from netwright.vision.moving.changing import change_for
from netwright.vision.moving.mosaic import Mosaic

__all__ = ["Mosaic", "change_for", "move_boxes"]
