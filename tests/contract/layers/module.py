"""Examples of layers/module.py for the contract: constructions and the shapes that they take."""

import torch

import netwright as nw
from netwright.layers import Module


@nw.register("contract_norm")
def contract_norm() -> torch.nn.Module:
    return torch.nn.LayerNorm(5)


@nw.register("contract_bilinear")
def contract_bilinear() -> torch.nn.Module:
    return torch.nn.Bilinear(3, 2, 4)


EXAMPLES = {
    "Module": [(Module(contract_norm), ((5,),)), (Module(contract_bilinear, inputs=2), ((3,), (2,)))],
}
