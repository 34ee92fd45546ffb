"""Examples of layers/space/pixel_shuffle.py for the contract: constructions and the shapes that they take."""

from netwright.layers import PixelShuffle

EXAMPLES = {
    "PixelShuffle": [
        (PixelShuffle(), ((8, 3, 4),)),
        (PixelShuffle(3), ((9, 2, 1),)),
    ],
}
