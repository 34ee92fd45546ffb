"""Pictures of results: of runs, predictions, weights, networks; functions over what others made, never methods.

A plot of one panel takes ``ax`` and returns the Axes; one of several panels takes ``figure`` and returns the array of
its Axes. Pyplot is not used: ``ax.figure.savefig("plot.png")`` writes a plot, ``ax.figure`` in a notebook shows it.
Needs the extra ``netwright[plots]``; diagrams of networks need nothing.
"""

# the course of a run
from netwright.plots.curves import training_curves
from netwright.plots.ratios import update_ratios
from netwright.plots.dead import dead_units
from netwright.plots.learning_rates import lr_finder

# the course of a search
from netwright.plots.search import search_importance, search_parallel, search_slice

# what checks looked at
from netwright.plots.signals import signal

# predictions
from netwright.plots.calibration import calibration
from netwright.plots.confusion import confusion_matrix
from netwright.plots.regression import residuals
from netwright.plots.images import mistakes, samples

# detectors
from netwright.plots.detection import detection_faults, precision_recall

# embeddings
from netwright.plots.embeddings import embedding_map, pair_scores, verification_curve

# generative networks
from netwright.plots.generative import game_curves, latent_grid, latent_map, sample_frames, sample_points

# inside a network
from netwright.plots.filter_images import filters
from netwright.plots.feature_maps import activations
from netwright.plots.seeing import heat_map

# classical networks
from netwright.plots.classical.map_grids import component_planes, distance_map
from netwright.plots.classical.map_rows import class_map, hits
from netwright.plots.classical.memories import recall_strip, response_surface
from netwright.plots.classical.neural_gas import neural_graph
from netwright.plots.classical.prototypes import prototypes, relevances
from netwright.plots.classical.templates import association, templates
from netwright.plots.classical.radial_basis import bandwidth_curve, bandwidths, radial_units
from netwright.plots.classical.energy_models import energy_curves, fantasies
from netwright.plots.classical.ridge_functions import ridge_functions

# the network itself
from netwright.plots.diagram import network_svg
from netwright.plots.svg import Svg

__all__ = [
    "Svg",
    "activations",
    "association",
    "bandwidth_curve",
    "bandwidths",
    "calibration",
    "class_map",
    "component_planes",
    "confusion_matrix",
    "dead_units",
    "detection_faults",
    "distance_map",
    "embedding_map",
    "energy_curves",
    "fantasies",
    "filters",
    "game_curves",
    "heat_map",
    "hits",
    "latent_grid",
    "latent_map",
    "lr_finder",
    "mistakes",
    "network_svg",
    "neural_graph",
    "pair_scores",
    "precision_recall",
    "prototypes",
    "radial_units",
    "recall_strip",
    "relevances",
    "residuals",
    "response_surface",
    "ridge_functions",
    "sample_frames",
    "sample_points",
    "samples",
    "search_importance",
    "search_parallel",
    "search_slice",
    "signal",
    "templates",
    "training_curves",
    "update_ratios",
    "verification_curve",
]
