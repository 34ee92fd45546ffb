"""Examples of layers/shape.py for the contract: constructions and the shapes that they take."""

from netwright.layers import Flatten, Identity, Reshape, Select, Transpose

EXAMPLES = {
    "Flatten": [(Flatten(), ((2, 3, 4),)), (Flatten(), ((4,),))],
    "Identity": [(Identity(), ((4,),)), (Identity(), ((2, 3, 3),))],
    "Reshape": [(Reshape(1, 2, -1), ((8,),)), (Reshape(4, 3), ((2, 6),)), (Reshape(-1), ((2, 3),))],
    "Select": [
        (Select((1, 2)), ((4,),)),
        (Select((3, 0, 0)), ((4, 2, 3),)),
        (Select((2, 0), axis=-1), ((5, 3),)),
    ],
    "Transpose": [(Transpose(), ((5, 3),)), (Transpose(2, 3, 1), ((2, 3, 4),)), (Transpose(), ((2, 3, 4, 2),))],
}
