"""Examples of layers/normalization.py for the contract: constructions and the shapes that they take."""

from netwright.layers import BatchNorm, GroupNorm, LayerNorm

EXAMPLES = {
    "BatchNorm": [(BatchNorm(), ((4,),)), (BatchNorm(0.2, affine=False), ((3, 4, 5),)), (BatchNorm(), ((3, 6),))],
    "GroupNorm": [
        (GroupNorm(2), ((4,),)),
        (GroupNorm(3, 1e-3, affine=False), ((3, 4),)),
        (GroupNorm(2), ((4, 2, 3),)),
        (GroupNorm(1), ((2, 2, 2, 2),)),
    ],
    "LayerNorm": [
        (LayerNorm(), ((4,),)),
        (LayerNorm(1e-3, affine=False), ((5, 3),)),
        (LayerNorm(), ((3, 2, 4),)),
        (LayerNorm(), ((3, 2, 2, 2),)),
        (LayerNorm(axes=1), ((3, 5),)),
        (LayerNorm(axes=(1, 2, 3)), ((2, 2, 3),)),
        (LayerNorm(axes=(-1, 1)), ((2, 2, 3),)),
    ],
}
