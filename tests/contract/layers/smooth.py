"""Examples of layers/smooth.py for the contract: constructions and the shapes that they take."""

from netwright.layers import GELU, SiLU

EXAMPLES = {
    "GELU": [(GELU(), ((2, 3, 3),)), (GELU(3), ((4,),)), (GELU(3, approximate=True, bias=False), ((5, 4),))],
    "SiLU": [(SiLU(), ((2, 3, 3),)), (SiLU(3), ((4,),))],
}
