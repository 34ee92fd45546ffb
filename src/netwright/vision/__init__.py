"""Objects in images: boxes, readers of data sets, pictures, and how right detectors are."""

# detectors
from netwright.vision.yolo.estimator import YOLO
from netwright.vision.rcnn.rcnn import RCNN
from netwright.vision.rcnn.fast import FastRCNN
from netwright.vision.rcnn.faster import FasterRCNN

# augmentation of images with their boxes
from netwright.vision.moving.boxes import move_boxes
from netwright.vision.moving.mosaic import Mosaic

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
from netwright.vision.regions.graph import segment_graph
from netwright.vision.regions.selective import selective_search

# one answer an image
from netwright.vision.single.image_classifier import ImageClassifier
from netwright.vision.single.landmarks import LandmarkDetector
from netwright.vision.single.localizer import Localizer

# images with true boxes
from netwright.vision.readers.coco import read_coco
from netwright.vision.readers.folder import read_detection_folder
from netwright.vision.readers.image_list import read_image_list
from netwright.vision.readers.voc import read_voc
from netwright.vision.readers.yolo import read_yolo

# pictures
from netwright.vision.drawing.colours import class_colors
from netwright.vision.drawing.draw import draw_boxes

# metrics
from netwright.vision.metrics.account import detection_account
from netwright.vision.metrics.average_precision import mean_average_precision
from netwright.vision.metrics.scores import DetectionScores
from netwright.vision.metrics.verdicts import DetectionAccount, PredictionVerdict, TargetVerdict

__all__ = [
    "AnchorClusters",
    "DetectionAccount",
    "DetectionScores",
    "FastRCNN",
    "FasterRCNN",
    "GridBoxes",
    "GridTargets",
    "ImageClassifier",
    "LandmarkDetector",
    "Localizer",
    "Mosaic",
    "PredictionVerdict",
    "RCNN",
    "TargetVerdict",
    "YOLO",
    "anchor_grid",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "box_iou_loss",
    "boxes_to_grid",
    "class_colors",
    "clip_boxes_to_image",
    "cluster_anchors",
    "complete_box_iou",
    "complete_box_iou_loss",
    "decode_boxes",
    "decode_yolo",
    "detection_account",
    "distance_box_iou",
    "distance_box_iou_loss",
    "draw_boxes",
    "encode_boxes",
    "encode_yolo",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "grid_to_boxes",
    "masks_to_boxes",
    "mean_average_precision",
    "move_boxes",
    "nms",
    "read_coco",
    "read_detection_folder",
    "read_image_list",
    "read_voc",
    "read_yolo",
    "remove_small_boxes",
    "roi_align",
    "roi_pool",
    "segment_graph",
    "selective_search",
    "sigmoid_focal_loss",
    "soft_nms",
    "weighted_boxes_fusion",
]
