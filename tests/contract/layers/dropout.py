"""Examples of layers/dropout.py for the contract: constructions and the shapes that they take."""

from netwright.layers import Dropout, GaussianNoise, SpatialDropout

EXAMPLES = {
    "Dropout": [(Dropout(0.3), ((4,),)), (Dropout(), ((2, 3, 3),)), (Dropout(0.3, inverted=False), ((4,),))],
    "GaussianNoise": [(GaussianNoise(), ((4,),)), (GaussianNoise(0.2, mean=1.0), ((2, 3, 3),))],
    "SpatialDropout": [
        (SpatialDropout(), ((4, 3),)),
        (SpatialDropout(0.3), ((4, 3, 2),)),
        (SpatialDropout(0.2), ((2, 3, 2, 2),)),
    ],
}
