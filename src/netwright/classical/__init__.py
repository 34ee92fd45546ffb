"""The classical networks, from Hebb's rule to projection pursuit, on NumPy, SciPy and Numba; torch is never loaded."""

from __future__ import annotations

# what every one of them is
from netwright.classical.base import ClassicalNetwork

# maps and graphs of units
from netwright.classical.maps.sofm import SOFM
from netwright.classical.gas.growing_neural_gas import GrowingNeuralGas
from netwright.classical.gas.neural_gas import NeuralGas
from netwright.classical.associative.kohonen import Kohonen

# prototypes of classes
from netwright.classical.lvq.lvq1 import LVQ1
from netwright.classical.lvq.lvq2 import LVQ2
from netwright.classical.lvq.lvq21 import LVQ21
from netwright.classical.lvq.lvq3 import LVQ3
from netwright.classical.lvq.glvq import GLVQ
from netwright.classical.lvq.gmlvq import GMLVQ

# adaptive resonance
from netwright.classical.resonance.art1 import ART1
from netwright.classical.resonance.fuzzy_art import FuzzyART

# associative rules
from netwright.classical.associative.hebb import Hebb
from netwright.classical.associative.oja import Oja
from netwright.classical.associative.sanger import Sanger
from netwright.classical.associative.instar import Instar
from netwright.classical.associative.outstar import Outstar

# memories
from netwright.classical.memory.hopfield import Hopfield
from netwright.classical.memory.bam import BAM
from netwright.classical.memory.cmac import CMAC

# radial basis functions
from netwright.classical.radial_basis.grnn import GRNN
from netwright.classical.radial_basis.pnn import PNN
from netwright.classical.radial_basis.rbf_network import RBFNetwork
from netwright.classical.radial_basis.rbf_classifier import RBFNetworkClassifier

# machines of energy
from netwright.classical.energy.rbm import RBM
from netwright.classical.energy.dbn import DBN

# projection pursuit
from netwright.classical.projection_pursuit import ProjectionPursuitRegressor

__all__ = [
    "ClassicalNetwork",
    "SOFM",
    "GrowingNeuralGas",
    "NeuralGas",
    "Kohonen",
    "LVQ1",
    "LVQ2",
    "LVQ21",
    "LVQ3",
    "GLVQ",
    "GMLVQ",
    "ART1",
    "FuzzyART",
    "Hebb",
    "Oja",
    "Sanger",
    "Instar",
    "Outstar",
    "Hopfield",
    "BAM",
    "CMAC",
    "GRNN",
    "PNN",
    "RBFNetwork",
    "RBFNetworkClassifier",
    "RBM",
    "DBN",
    "ProjectionPursuitRegressor",
]
