"""Examples of layers/crf/layer.py for the contract: constructions and the shapes that they take."""

from netwright.layers import CRF

EXAMPLES = {
    "CRF": [
        (CRF(3), ((5, 3),)),
        (CRF(4, forbidden=((0, 1), (4, 2), (3, 5))), ((6, 4),)),
    ],
}
