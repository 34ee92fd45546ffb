"""Examples of layers/space/{convolution,local}.py for the contract: constructions and the shapes that they take."""

from netwright.layers import Conv, LocallyConnected

EXAMPLES = {
    "Conv": [
        (Conv(4, 3), ((2, 8),)),
        (Conv(4, (3, 2), (2, 1), "same", 1, 2, bias=False), ((2, 6, 5),)),
        (Conv(2, 3, 2, exact=True), ((1, 7, 5),)),
        (Conv(2, 2, padding=((0, 1), (1, 0), (0, 0))), ((1, 3, 4, 3),)),
    ],
    "LocallyConnected": [
        (LocallyConnected(3, 3), ((2, 6),)),
        (LocallyConnected(3, 3, 2, exact=True), ((2, 7),)),
        (LocallyConnected(2, (3, 2), (2, 1), "same", 1, bias=False), ((2, 4, 3),)),
        (LocallyConnected(2, 2, padding=((0, 1), (1, 0), (0, 0)), dilation=2), ((1, 3, 2, 3),)),
    ],
}
