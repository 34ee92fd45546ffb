"""Examples of layers/blocks for the contract: constructions and the shapes that they take."""

from netwright.layers import (
    BatchNorm,
    Conv,
    Cut,
    Fire,
    Flatten,
    GatedSum,
    Highway,
    Inception,
    Input,
    Linear,
    Mixture,
    MixtureOfExperts,
    PadChannels,
    ReLU,
    Residual,
    ScaleChannels,
    Softmax,
    SqueezeExcite,
    Tanh,
)

NETWORK = Input(1, 6, 6) >> Conv(2, 3) >> ReLU() >> Flatten() >> Softmax(3)

EXAMPLES = {
    "Residual": [
        (Residual(Tanh(3)), ((3,),)),
        (Residual(Conv(4, 3, stride=2, padding=1) >> ReLU(), normalize=True), ((2, 6, 5),)),
        (Residual(Conv(5, 3, stride=2, padding=1), "pad"), ((2, 6, 5),)),
        (Residual(ReLU(4), Linear(4, bias=False) >> BatchNorm()), ((3,),)),
        (Residual(Linear(4)), ((5, 3),)),
    ],
    "PadChannels": [(PadChannels(4), ((3,),)), (PadChannels(4, 2), ((2, 3, 4),))],
    "Highway": [
        (Highway(Tanh(3)), ((3,),)),
        (Highway(ReLU(3), "free", -1.0), ((4, 3),)),
        (Highway(Conv(2, 3, padding=1) >> Tanh(), kernel=1), ((2, 4, 4),)),
    ],
    "GatedSum": [(GatedSum(), ((3,), (3,), (3,))), (GatedSum(), ((2, 3), (2, 3), (2, 3), (2, 3)))],
    "Inception": [
        (Inception(2, (4, 2), (3, 1), 1), ((2, 5, 5),)),
        (Inception(1, (6, 2), (6, 1), 1, kernel=3, normalize=True), ((2, 6),)),
    ],
    "Fire": [(Fire(6, 3, 1), ((3, 4, 4),)), (Fire(6, 1, 2), ((2, 5),))],
    "SqueezeExcite": [(SqueezeExcite(2), ((4, 3, 3),)), (SqueezeExcite(), ((3, 4),))],
    "ScaleChannels": [(ScaleChannels(), ((2, 3, 3), (2,))), (ScaleChannels(), ((2, 4), (2,)))],
    "MixtureOfExperts": [
        (MixtureOfExperts((Linear(2), Tanh(2))), ((3,),)),
        (MixtureOfExperts((Linear(2), Tanh(2), Tanh(4) >> Linear(2)), ReLU(4) >> Softmax(3), 0.1, 2), ((3,),)),
        (MixtureOfExperts((Conv(2, 3), Conv(2, 3) >> Tanh()), top=1), ((2, 4, 4),)),
        (MixtureOfExperts((Flatten() >> Linear(2), Flatten() >> Tanh(2))), ((4, 3),)),
    ],
    "Mixture": [(Mixture(), ((3,), (3,), (2,))), (Mixture(0.0, 1), ((4, 3), (4, 3), (4, 2)))],
    "Cut": [(Cut(NETWORK, last="flatten1"), ((2, 4, 4),)), (Cut(ReLU(4) >> Softmax(3), "softmax1"), ((5,),))],
}
