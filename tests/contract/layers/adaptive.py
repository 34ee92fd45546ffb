"""Examples of layers/adaptive.py for the contract: constructions and the shapes that they take."""

from netwright.layers import AdaptivePool

EXAMPLES = {
    "AdaptivePool": [
        (AdaptivePool(3), ((2, 7),)),
        (AdaptivePool((2, 5)), ((2, 4, 3),)),
        (AdaptivePool(2, "max"), ((1, 3, 4, 5),)),
    ]
}
