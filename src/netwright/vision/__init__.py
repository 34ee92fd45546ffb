"""Objects in images: boxes."""

# overlap of boxes, and losses
from netwright.vision.boxes.overlap import box_iou, complete_box_iou, distance_box_iou, generalized_box_iou
from netwright.vision.boxes.losses import (
    box_iou_loss,
    complete_box_iou_loss,
    distance_box_iou_loss,
    generalized_box_iou_loss,
    sigmoid_focal_loss,
)

# formats
from netwright.vision.boxes.convert import (
    box_area,
    box_convert,
    clip_boxes_to_image,
    masks_to_boxes,
    remove_small_boxes,
)

# coding
from netwright.vision.boxes.coding import decode_boxes, encode_boxes
from netwright.vision.boxes.grid import GridBoxes, GridTargets, boxes_to_grid, grid_to_boxes
from netwright.vision.boxes.yolo import decode_yolo, encode_yolo

# suppression and fusion
from netwright.vision.boxes.fusion import weighted_boxes_fusion
from netwright.vision.boxes.nms import batched_nms, nms
from netwright.vision.boxes.soft_nms import soft_nms

# anchors
from netwright.vision.boxes.anchors import AnchorClusters, anchor_grid, cluster_anchors

# regions
from netwright.vision.boxes.pooling import roi_align, roi_pool

__all__ = [
    "AnchorClusters",
    "GridBoxes",
    "GridTargets",
    "anchor_grid",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "box_iou_loss",
    "boxes_to_grid",
    "clip_boxes_to_image",
    "cluster_anchors",
    "complete_box_iou",
    "complete_box_iou_loss",
    "decode_boxes",
    "decode_yolo",
    "distance_box_iou",
    "distance_box_iou_loss",
    "encode_boxes",
    "encode_yolo",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "grid_to_boxes",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
    "roi_align",
    "roi_pool",
    "sigmoid_focal_loss",
    "soft_nms",
    "weighted_boxes_fusion",
]
