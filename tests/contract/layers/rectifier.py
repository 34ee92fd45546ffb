"""Examples of layers/rectifier.py for the contract: constructions and the shapes that they take."""

from netwright.layers import ELU, LeakyReLU, Orthogonal, PReLU, ReLU, Softplus

EXAMPLES = {
    "ELU": [(ELU(), ((4,),)), (ELU(3, 0.5), ((4,),))],
    "LeakyReLU": [(LeakyReLU(), ((4,),)), (LeakyReLU(3, 0.2), ((4,),))],
    "PReLU": [(PReLU(), ((2, 3, 3),)), (PReLU(3, 0.1), ((4,),)), (PReLU(3, slopes="channel"), ((2, 4),))],
    "ReLU": [(ReLU(), ((2, 3, 3),)), (ReLU(3, weight=Orthogonal(), bias=0.5), ((4,),))],
    "Softplus": [(Softplus(), ((4,),)), (Softplus(3), ((4,),))],
}
