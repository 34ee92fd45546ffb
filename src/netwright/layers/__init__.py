"""The bricks of a network, one family per file; ``from netwright.layers import *`` brings all of them.

Shapes are without the batch axis: (features,), (channels, *space), sequences (steps, features).
"""

# the entrance
from netwright.graph import Input

# activations, with units (fully connected) or alone
from netwright.layers.activation import HardSigmoid, Linear, Sigmoid, Softmax, Tanh
from netwright.layers.rectifier import ELU, LeakyReLU, PReLU, ReLU, Softplus
from netwright.layers.smooth import GELU, SiLU
from netwright.layers.maxout import Maxout

# space
from netwright.layers.space.convolution import Conv
from netwright.layers.space.transposed import ConvTranspose
from netwright.layers.space.local import LocallyConnected
from netwright.layers.space.pooling import AvgPool, L2Pool, MaxPool
from netwright.layers.space.global_pooling import GlobalPool
from netwright.layers.space.adaptive import AdaptivePool
from netwright.layers.space.upsampling import Upsample
from netwright.layers.space.pixel_shuffle import PixelShuffle

# time
from netwright.layers.space.global_pooling import TimePool
from netwright.layers.k_max import KMaxPool
from netwright.layers.space.causal import CausalConv, CausalStack

# shape
from netwright.layers.shape import Flatten, Identity, Reshape, Select, Transpose

# regularisation and normalisation
from netwright.layers.dropout import Dropout, GaussianNoise, SpatialDropout
from netwright.layers.dropblock import DropBlock
from netwright.layers.normalization import BatchNorm, GroupNorm, LayerNorm
from netwright.layers.local_response import LocalResponseNorm

# symbols
from netwright.layers.embedding import ColumnEmbedding, Embedding
from netwright.layers.text.words import WordFeatures

# recurrence
from netwright.layers.recurrent.elman import Elman
from netwright.layers.recurrent.jordan import Jordan
from netwright.layers.recurrent.lstm import LSTM
from netwright.layers.recurrent.gru import GRU
from netwright.layers.recurrent.bidirectional import Bidirectional
from netwright.layers.recurrent.with_lengths import with_lengths

# chains of tags
from netwright.layers.crf.layer import CRF
from netwright.layers.crf.constraints import forbidden_transitions

# many classes, such as words
from netwright.layers.text.hierarchical_softmax import HierarchicalSoftmax
from netwright.layers.text.adaptive_softmax import AdaptiveSoftmax

# merging
from netwright.layers.merge import Add, Concat, Elementwise, Multiply
from netwright.layers.gated_average import GatedAverage
from netwright.layers.skip import CropConcat, Pick

# blocks, layers made of layers
from netwright.layers.blocks.residual import PadChannels, Residual
from netwright.layers.blocks.highway import GatedSum, Highway
from netwright.layers.blocks.inception import Inception
from netwright.layers.blocks.squeeze import Fire
from netwright.layers.blocks.excitation import ScaleChannels, SqueezeExcite
from netwright.layers.blocks.mixture import Mixture, MixtureOfExperts, importance_variation, load_balance
from netwright.layers.blocks.cut import Cut

# the first convolutional network
from netwright.layers.lenet import RadialBasis, ScaledTanh, Subsampling

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
    "AdaptivePool",
    "AdaptiveSoftmax",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Bidirectional",
    "CRF",
    "CausalConv",
    "CausalStack",
    "ColumnEmbedding",
    "Concat",
    "Constant",
    "Conv",
    "ConvTranspose",
    "CropConcat",
    "Cut",
    "DropBlock",
    "Dropout",
    "ELU",
    "Elman",
    "Elementwise",
    "Embedding",
    "Fire",
    "Flatten",
    "GELU",
    "GRU",
    "GatedAverage",
    "GatedSum",
    "GaussianNoise",
    "GlobalPool",
    "GroupNorm",
    "HardSigmoid",
    "HeNormal",
    "HeUniform",
    "HierarchicalSoftmax",
    "Highway",
    "Identity",
    "Inception",
    "InitRule",
    "Input",
    "Jordan",
    "KMaxPool",
    "L2Pool",
    "LSTM",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LocallyConnected",
    "MaxPool",
    "Maxout",
    "Mixture",
    "MixtureOfExperts",
    "Module",
    "Multiply",
    "Normal",
    "Orthogonal",
    "PReLU",
    "PadChannels",
    "Pick",
    "PixelShuffle",
    "RadialBasis",
    "ReLU",
    "Reshape",
    "Residual",
    "ScaleChannels",
    "ScaledTanh",
    "Select",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpatialDropout",
    "SqueezeExcite",
    "Subsampling",
    "Tanh",
    "TimePool",
    "Transpose",
    "Uniform",
    "Upsample",
    "WordFeatures",
    "XavierNormal",
    "XavierUniform",
    "forbidden_transitions",
    "importance_variation",
    "leaky_gain",
    "load_balance",
    "with_lengths",
]
