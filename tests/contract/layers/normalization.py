"""Examples of layers/normalization.py for the contract: constructions and the shapes that they take."""

from netwright.layers import BatchNorm

EXAMPLES = {
    "BatchNorm": [(BatchNorm(), ((4,),)), (BatchNorm(0.2, affine=False), ((3, 4, 5),)), (BatchNorm(), ((3, 6),))],
}
