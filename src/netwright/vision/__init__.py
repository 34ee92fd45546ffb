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
from netwright.vision.yolo.first import yolo_v1_loss
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

# embeddings: is it the same, and who is it
from netwright.vision.embeddings.triplet_network import TripletNetwork
from netwright.vision.embeddings.siamese_network import SiameseNetwork
from netwright.vision.embeddings.ensemble import EmbeddingEnsemble
from netwright.vision.embeddings.normalizer import ScoreNormalizer
from netwright.vision.embeddings.verifier import Verifier
from netwright.vision.embeddings.recognizer import Recognizer

# losses and distances of embeddings
from netwright.vision.embeddings.losses.arcface import arcface_loss
from netwright.vision.embeddings.losses.contrastive import contrastive_loss
from netwright.vision.embeddings.losses.cosface import cosface_loss
from netwright.vision.embeddings.distances import pairwise_distances
from netwright.vision.embeddings.losses.prototypical import prototypical_loss
from netwright.vision.embeddings.losses.triplet import triplet_loss

# rates of verification and identification, few-shot episodes
from netwright.vision.embeddings.episodes import Episode, EpisodeScores, episodes, score_episodes
from netwright.vision.embeddings.rates.folds import FoldScores, fold_accuracy
from netwright.vision.embeddings.rates.identification import OpenSetRates, detection_identification, rank_k
from netwright.vision.embeddings.rates.interval import bootstrap_people, clopper_pearson
from netwright.vision.embeddings.rates.roc import ROC, equal_error_rate, roc, tar_at_far

# samples
from netwright.vision.generative.gan import GAN
from netwright.vision.generative.autoencoder import Autoencoder
from netwright.vision.generative.variational import VariationalAutoencoder
from netwright.vision.generative.networks import dcgan_discriminator, dcgan_generator
from netwright.vision.generative.distances import frechet_distance, kernel_distance, precision_recall_of_samples
from netwright.vision.generative.measuring import MeasureSamples
from netwright.vision.generative.modes import ModeCoverage, mode_coverage
from netwright.vision.generative.gaussians import grid_of_gaussians, ring_of_gaussians

# images with true boxes
from netwright.vision.readers.coco import read_coco
from netwright.vision.readers.folder import read_detection_folder
from netwright.vision.readers.image_list import read_image_list
from netwright.vision.readers.voc import read_voc
from netwright.vision.readers.yolo import read_yolo

# a class for every pixel
from netwright.vision.dense.segmenter import Segmenter
from netwright.vision.dense.scores import SegmentationScores, segmentation_scores

# style transfer
from netwright.vision.style.costs import content_cost, gram_matrix, style_cost, total_variation
from netwright.vision.style.shallow import ShallowEncoder
from netwright.vision.style.transfer import StyleTransfer

# what a network looks at
from netwright.vision.seeing.class_image import class_image
from netwright.vision.seeing.grad_cam import grad_cam
from netwright.vision.seeing.saliency import saliency

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
    "Autoencoder",
    "DetectionAccount",
    "DetectionScores",
    "EmbeddingEnsemble",
    "Episode",
    "EpisodeScores",
    "FastRCNN",
    "FasterRCNN",
    "FoldScores",
    "GAN",
    "GridBoxes",
    "GridTargets",
    "ImageClassifier",
    "LandmarkDetector",
    "Localizer",
    "MeasureSamples",
    "ModeCoverage",
    "Mosaic",
    "OpenSetRates",
    "PredictionVerdict",
    "RCNN",
    "ROC",
    "Recognizer",
    "ScoreNormalizer",
    "SegmentationScores",
    "Segmenter",
    "ShallowEncoder",
    "SiameseNetwork",
    "StyleTransfer",
    "TargetVerdict",
    "TripletNetwork",
    "VariationalAutoencoder",
    "Verifier",
    "YOLO",
    "anchor_grid",
    "arcface_loss",
    "batched_nms",
    "bootstrap_people",
    "box_area",
    "box_convert",
    "box_iou",
    "box_iou_loss",
    "boxes_to_grid",
    "class_colors",
    "class_image",
    "clip_boxes_to_image",
    "clopper_pearson",
    "cluster_anchors",
    "complete_box_iou",
    "complete_box_iou_loss",
    "content_cost",
    "contrastive_loss",
    "cosface_loss",
    "dcgan_discriminator",
    "dcgan_generator",
    "decode_boxes",
    "decode_yolo",
    "detection_account",
    "detection_identification",
    "distance_box_iou",
    "distance_box_iou_loss",
    "draw_boxes",
    "encode_boxes",
    "encode_yolo",
    "episodes",
    "equal_error_rate",
    "fold_accuracy",
    "frechet_distance",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "grad_cam",
    "gram_matrix",
    "grid_of_gaussians",
    "grid_to_boxes",
    "kernel_distance",
    "masks_to_boxes",
    "mean_average_precision",
    "mode_coverage",
    "move_boxes",
    "nms",
    "pairwise_distances",
    "precision_recall_of_samples",
    "prototypical_loss",
    "rank_k",
    "read_coco",
    "read_detection_folder",
    "read_image_list",
    "read_voc",
    "read_yolo",
    "remove_small_boxes",
    "ring_of_gaussians",
    "roc",
    "roi_align",
    "roi_pool",
    "saliency",
    "score_episodes",
    "segment_graph",
    "segmentation_scores",
    "selective_search",
    "sigmoid_focal_loss",
    "soft_nms",
    "style_cost",
    "tar_at_far",
    "total_variation",
    "triplet_loss",
    "weighted_boxes_fusion",
    "yolo_v1_loss",
]
