"""Examples of layers/lenet.py for the contract: constructions and the shapes that they take."""

from netwright.layers import RadialBasis, ScaledTanh, Subsampling

EXAMPLES = {
    "RadialBasis": [(RadialBasis(3), ((5,),)), (RadialBasis(4, "digits"), ((84,),)), (RadialBasis(2, seed=1), ((3,),))],
    "ScaledTanh": [
        (ScaledTanh(3), ((4,),)),
        (ScaledTanh(), ((2, 3, 3),)),
        (ScaledTanh(2, amplitude=1.0, slope=0.5, bias=False), ((3, 4),)),
    ],
    "Subsampling": [(Subsampling(), ((2, 5, 4),)), (Subsampling((3,)), ((2, 7),)), (Subsampling((2, 1)), ((1, 4, 3),))],
}
