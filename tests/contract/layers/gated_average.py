"""Examples of layers/gated_average.py for the contract: constructions and the shapes that they take."""

from netwright.layers import GatedAverage

EXAMPLES = {
    "GatedAverage": [
        (GatedAverage(), ((5, 3),)),
        (GatedAverage(normalize=False, bias=False), ((5, 3),)),
        (GatedAverage(lengths=True), ((5, 3), (1,))),
        (GatedAverage(normalize=False, lengths=True), ((5, 3), (1,))),
        (GatedAverage(0), ((2,), (4,), (4,))),
        (GatedAverage(1, normalize=False), ((2, 3), (2,), (2, 3))),
    ],
}
