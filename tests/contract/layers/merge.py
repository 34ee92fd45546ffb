"""Examples of layers/merge.py for the contract: constructions and the shapes that they take."""

import torch

import netwright as nw
from netwright.layers import Add, Concat, Elementwise, Multiply


@nw.register("contract_gate")
def contract_gate(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(y)


EXAMPLES = {
    "Add": [(Add(), ((3,), (3,))), (Add(), ((2, 4, 4), (2, 4, 4), (2, 4, 4)))],
    "Concat": [(Concat(), ((3,), (2,))), (Concat(), ((2, 4, 4), (1, 4, 4))), (Concat(-1), ((5, 2), (5, 3)))],
    "Elementwise": [
        (Elementwise(), ((3,), (3,))),
        (Elementwise("multiply"), ((3,), (3,))),
        (Elementwise("subtract"), ((3,), (3,))),
        (Elementwise("maximum"), ((2, 3), (2, 3), (2, 3))),
        (Elementwise("minimum"), ((2, 3), (2, 3), (2, 3))),
        (Elementwise("average"), ((2, 3), (2, 3), (2, 3))),
        (Elementwise(contract_gate), ((3,), (3,))),
    ],
    "Multiply": [(Multiply(), ((3,), (3,))), (Multiply(), ((2, 4, 4), (2, 4, 4), (2, 4, 4)))],
}
