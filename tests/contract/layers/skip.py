"""Examples of layers/skip.py for the contract: constructions and the shapes that they take."""

from netwright.layers import CropConcat, Pick

EXAMPLES = {
    "CropConcat": [(CropConcat(), ((1, 6, 5), (2, 3, 5))), (CropConcat(), ((2, 4), (1, 5), (1, 4)))],
    "Pick": [(Pick(1), ((3,), (2, 4))), (Pick(0), ((2, 3), (4,)))],
}
