"""Examples of layers/text and layers/space/causal.py for the contract: constructions and the shapes that they take."""

from netwright.layers import AdaptiveSoftmax, CausalConv, CausalStack, HierarchicalSoftmax, Uniform, WordFeatures

EXAMPLES = {
    "HierarchicalSoftmax": [
        (HierarchicalSoftmax(6), ((4,),)),
        (HierarchicalSoftmax(5, counts=(1, 7, 2, 0, 3), bias=False), ((3, 4),)),
        (HierarchicalSoftmax(4, ((3, (0, 2)), 1)), ((2,),)),
    ],
    "AdaptiveSoftmax": [
        (AdaptiveSoftmax(6, (2, 4), 2.0), ((4,),)),
        (AdaptiveSoftmax(5, (2,), order=(3, 1, 0, 4, 2), bias=True), ((3, 4),)),
        (AdaptiveSoftmax(4, (1,), counts=(1, 7, 2, 0)), ((4,),)),
    ],
    "CausalConv": [
        (CausalConv(3, 2), ((5, 2),)),
        (CausalConv(2, 3, 4, weight_norm=True), ((5, 2),)),
    ],
    "CausalStack": [
        (CausalStack(2, 2, 2, bias=Uniform(0.1, 0.3)), ((6, 3),)),  # with biases of 0 a ReLU may stand at its kink
        (CausalStack(2, 3, 1, residual=False, dropout=0.2, bias=Uniform(0.1, 0.3)), ((4, 2),)),
        (CausalStack(2, 2, 2, weight_norm=True, bias=False), ((5, 2),)),
    ],
    "WordFeatures": [
        (WordFeatures(6), ((5, 2),)),
        (WordFeatures(6, 6, 6, width=4, character_width=3, maps=2, affix_width=2), ((5, 2 + 6 + 4),)),
    ],
}
