"""Examples of layers/pooling.py for the contract: constructions and the shapes that they take."""

from netwright.layers import AvgPool, GlobalPool, MaxPool

EXAMPLES = {
    "AvgPool": [(AvgPool(2), ((2, 7),)), (AvgPool(3, 2, "same", count_padding=True), ((2, 6, 5),))],
    "GlobalPool": [
        (GlobalPool(kind), ((3, *space),)) for kind, space in (("avg", (4,)), ("max", (3, 4)), ("sum", (2, 3)))
    ],
    "MaxPool": [
        (MaxPool(2), ((2, 7),)),
        (MaxPool(3, 2, "same"), ((2, 6, 5),)),
        (MaxPool(2, ceil=True), ((1, 3, 4, 5),)),
    ],
}
