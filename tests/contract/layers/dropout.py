"""Examples of layers/dropout.py for the contract: constructions and the shapes that they take."""

from netwright.layers import Dropout

EXAMPLES = {
    "Dropout": [(Dropout(0.3), ((4,),)), (Dropout(), ((2, 3, 3),))],
}
