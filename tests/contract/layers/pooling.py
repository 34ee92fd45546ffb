"""Examples of layers/pooling.py for the contract: constructions and the shapes that they take."""

from netwright.layers import AvgPool, L2Pool, MaxPool

EXAMPLES = {
    "AvgPool": [
        (AvgPool(2), ((2, 7),)),
        (AvgPool(3, 2, "same", count_padding=True), ((2, 6, 5),)),
        (AvgPool(3, 2, exact=True), ((2, 7, 5),)),
        (AvgPool(3, 2, 1, count_padding=True), ((2, 3, 2, 2),)),
    ],
    "L2Pool": [
        (L2Pool(2), ((2, 7),)),
        (L2Pool(3, 2, "same"), ((2, 6, 5),)),
        (L2Pool(3, 2, ceil=True), ((2, 6, 6),)),
        (L2Pool(2, 1, 1, exact=True), ((1, 3, 2, 2),)),
        (L2Pool(3, 2, 1), ((1, 2, 3, 2),)),
    ],
    "MaxPool": [
        (MaxPool(2), ((2, 7),)),
        (MaxPool(3, 2, "same"), ((2, 6, 5),)),
        (MaxPool(2, ceil=True), ((1, 3, 4, 5),)),
        (MaxPool(3, 2, exact=True), ((2, 7),)),
    ],
}
