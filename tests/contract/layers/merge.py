"""Examples of layers/merge.py for the contract: constructions and the shapes that they take."""

from netwright.layers import Add, Concat

EXAMPLES = {
    "Add": [(Add(), ((3,), (3,))), (Add(), ((2, 4, 4), (2, 4, 4), (2, 4, 4)))],
    "Concat": [(Concat(), ((3,), (2,))), (Concat(), ((2, 4, 4), (1, 4, 4))), (Concat(-1), ((5, 2), (5, 3)))],
}
