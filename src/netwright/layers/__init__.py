"""The bricks of a network, one family per file; ``from netwright.layers import *`` brings all of them.

Shapes are without the batch axis: (features,), (channels, *space), sequences (steps, features).
"""

# the entrance
from netwright.graph import Input

# activations, with units (fully connected) or alone
from netwright.layers.activation import HardSigmoid, Linear, Sigmoid, Softmax, Tanh
from netwright.layers.rectifier import ELU, LeakyReLU, PReLU, ReLU, Softplus
from netwright.layers.maxout import Maxout

# space
from netwright.layers.convolution import Conv
from netwright.layers.pooling import AvgPool, GlobalPool, MaxPool

# shape
from netwright.layers.shape import Flatten, Identity, Reshape

# regularisation and normalisation
from netwright.layers.dropout import Dropout
from netwright.layers.normalization import BatchNorm

# symbols
from netwright.layers.embedding import ColumnEmbedding, Embedding

# merging
from netwright.layers.merge import Add, Concat

# any torch module
from netwright.layers.module import Module

# how weights start
from netwright.layers.init import (
    Constant,
    HeNormal,
    HeUniform,
    InitRule,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
    leaky_gain,
)

__all__ = [
    "Add",
    "AvgPool",
    "BatchNorm",
    "ColumnEmbedding",
    "Concat",
    "Constant",
    "Conv",
    "Dropout",
    "ELU",
    "Embedding",
    "Flatten",
    "GlobalPool",
    "HardSigmoid",
    "HeNormal",
    "HeUniform",
    "Identity",
    "InitRule",
    "Input",
    "LeakyReLU",
    "Linear",
    "MaxPool",
    "Maxout",
    "Module",
    "Normal",
    "Orthogonal",
    "PReLU",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "leaky_gain",
]
