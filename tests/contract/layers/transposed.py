"""Examples of layers/transposed.py for the contract: constructions and the shapes that they take."""

from netwright.layers import ConvTranspose

EXAMPLES = {
    "ConvTranspose": [
        (ConvTranspose(4, 3, 2), ((2, 5),)),
        (ConvTranspose(4, (3, 2), (2, 1), "same", groups=2, bias=False), ((2, 3, 4),)),
        (ConvTranspose(2, 3, 2, 1, output_padding=1), ((3, 4, 3),)),
        (ConvTranspose(1, 2, 2, ((0, 1), (1, 0), (0, 0))), ((2, 2, 3, 2),)),
    ],
}
