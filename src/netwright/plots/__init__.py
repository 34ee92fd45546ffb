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

# predictions
from netwright.plots.confusion import confusion_matrix
from netwright.plots.regression import residuals
from netwright.plots.images import mistakes, samples

# inside a network
from netwright.plots.filter_images import filters
from netwright.plots.feature_maps import activations

# classical networks
from netwright.plots.memories import recall_strip, response_surface
from netwright.plots.neural_gas import neural_graph
from netwright.plots.templates import association, templates

# the network itself
from netwright.plots.diagram import network_svg
from netwright.plots.svg import Svg

__all__ = [
    "Svg",
    "activations",
    "association",
    "confusion_matrix",
    "dead_units",
    "filters",
    "lr_finder",
    "mistakes",
    "network_svg",
    "neural_graph",
    "recall_strip",
    "residuals",
    "response_surface",
    "samples",
    "templates",
    "training_curves",
    "update_ratios",
]
