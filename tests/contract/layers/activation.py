"""Examples of layers/activation.py for the contract: constructions and the shapes that they take."""

from netwright.layers import HardSigmoid, Linear, Sigmoid, Softmax, Tanh, Uniform

EXAMPLES = {
    "HardSigmoid": [(HardSigmoid(), ((4,),)), (HardSigmoid(3), ((5, 4),))],
    "Linear": [(Linear(3), ((4,),)), (Linear(3, bias=False), ((5, 4),)), (Linear(), ((4,),))],
    "Sigmoid": [(Sigmoid(), ((4,),)), (Sigmoid(3, bias=Uniform(-1, 1)), ((4,),))],
    "Softmax": [(Softmax(), ((3, 2, 2),)), (Softmax(3), ((4,),)), (Softmax(3), ((5, 4),))],
    "Tanh": [(Tanh(), ((4,),)), (Tanh(3, weight=0.1), ((4,),))],
}
