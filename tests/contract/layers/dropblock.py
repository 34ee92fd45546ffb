"""Examples of layers/dropblock.py for the contract: constructions and the shapes that they take."""

from netwright.layers import DropBlock

EXAMPLES = {
    "DropBlock": [
        (DropBlock(0.1, 3), ((2, 7, 5),)),
        (DropBlock(0.2, (2, 4)), ((2, 7, 5),)),
        (DropBlock(0.2, 4), ((2, 9),)),
        (DropBlock(0.2, 2), ((2, 3, 4, 3),)),
    ],
}
