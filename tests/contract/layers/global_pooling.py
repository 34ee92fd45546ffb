"""Examples of layers/global_pooling.py for the contract: constructions and the shapes that they take."""

from netwright.layers import GlobalPool, TimePool

EXAMPLES = {
    "GlobalPool": [
        (GlobalPool(kind), ((3, *space),))
        for kind, space in (("avg", (4,)), ("max", (3, 4)), ("sum", (2, 3)), ("l2", (2, 2, 3)))
    ],
    "TimePool": [
        *((TimePool(kind), ((5, 3),)) for kind in ("max", "avg", "sum", "l2", "last")),
        *((TimePool(kind, lengths=True), ((5, 3), (1,))) for kind in ("max", "avg", "sum", "l2", "last")),
    ],
}
