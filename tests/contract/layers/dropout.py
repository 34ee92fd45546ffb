"""Examples of layers/{dropout,dropblock}.py for the contract: constructions and the shapes that they take."""

from netwright.layers import DropBlock, Dropout, GaussianNoise, SpatialDropout

EXAMPLES = {
    "Dropout": [(Dropout(0.3), ((4,),)), (Dropout(), ((2, 3, 3),)), (Dropout(0.3, inverted=False), ((4,),))],
    "GaussianNoise": [(GaussianNoise(), ((4,),)), (GaussianNoise(0.2, mean=1.0), ((2, 3, 3),))],
    "SpatialDropout": [
        (SpatialDropout(), ((4, 3),)),
        (SpatialDropout(0.3), ((4, 3, 2),)),
        (SpatialDropout(0.2), ((2, 3, 2, 2),)),
    ],
    "DropBlock": [
        (DropBlock(0.1, 3), ((2, 7, 5),)),
        (DropBlock(0.2, (2, 4)), ((2, 7, 5),)),
        (DropBlock(0.2, 4), ((2, 9),)),
        (DropBlock(0.2, 2), ((2, 3, 4, 3),)),
    ],
}
