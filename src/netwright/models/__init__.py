"""Named architectures, written with ``>>``: functions that return open networks."""

# images of ImageNet's size, or small ones
from netwright.models.alexnet import alexnet
from netwright.models.googlenet import googlenet
from netwright.models.inception_v3 import inception_v3
from netwright.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from netwright.models.squeezenet import squeezenet
from netwright.models.vgg import vgg11, vgg13, vgg16, vgg19

# the backbone of detectors
from netwright.models.darknet import darknet, darknet53

# small images
from netwright.models.lenet5 import lenet5, lenet5_body
from netwright.models.cifar_resnet import cifar_resnet, resnet20, resnet32, resnet44, resnet56, resnet110

# a class for every place of an image
from netwright.models.unet import unet

# features
from netwright.models.highway import highway
from netwright.models.mixture_of_experts import mixture_of_experts
from netwright.models.mlp import mlp

# for who names none
from netwright.models.choice import choose_body, hidden_width

# what comes with published weights
from netwright.models.preprocessing import Preprocessing
from netwright.models.weights import LoadedWeights, load_weights

# from a text
from netwright.models.pattern import pattern

__all__ = [
    "LoadedWeights",
    "Preprocessing",
    "alexnet",
    "choose_body",
    "cifar_resnet",
    "darknet",
    "darknet53",
    "googlenet",
    "hidden_width",
    "highway",
    "inception_v3",
    "lenet5",
    "lenet5_body",
    "load_weights",
    "mixture_of_experts",
    "mlp",
    "pattern",
    "resnet101",
    "resnet110",
    "resnet152",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "squeezenet",
    "unet",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]
