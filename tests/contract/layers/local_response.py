"""Examples of layers/local_response.py for the contract: constructions and the shapes that they take."""

from netwright.layers import LocalResponseNorm

EXAMPLES = {
    "LocalResponseNorm": [
        (LocalResponseNorm(), ((7, 2, 3),)),
        (LocalResponseNorm(4, 0.5, 0.6, 1.0, divide_by_size=True), ((6, 3),)),
        (LocalResponseNorm(9, 0.1), ((3, 2, 2, 2),)),
    ],
}
