"""Examples of layers/k_max.py for the contract: constructions and the shapes that they take."""

from netwright.layers import KMaxPool

EXAMPLES = {
    "KMaxPool": [
        (KMaxPool(3), ((7, 2),)),
        (KMaxPool(2, 1, 3), ((9, 2),)),
        (KMaxPool(2, 2, 3, steps=12), ((7, 2),)),
        (KMaxPool(3, lengths=True), ((7, 2), (1,))),
        (KMaxPool(2, 1, 3, lengths=True), ((9, 2), (1,))),
    ],
}
