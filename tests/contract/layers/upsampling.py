"""Examples of layers/space/upsampling.py and pixel_shuffle.py for the contract: constructions and their shapes."""

from netwright.layers import PixelShuffle, Upsample

EXAMPLES = {
    "Upsample": [
        (Upsample(), ((2, 3, 4),)),
        (Upsample(3, "linear"), ((2, 4),)),
        (Upsample((2, 3), "bilinear", align_corners=True), ((2, 3, 2),)),
        (Upsample(2, "bicubic"), ((1, 3, 4),)),
        (Upsample((1, 2, 3), "trilinear"), ((1, 2, 3, 2),)),
    ],
    "PixelShuffle": [
        (PixelShuffle(), ((8, 3, 4),)),
        (PixelShuffle(3), ((9, 2, 1),)),
    ],
}
