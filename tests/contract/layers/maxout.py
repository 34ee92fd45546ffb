"""Examples of layers/maxout.py for the contract: constructions and the shapes that they take."""

from netwright.layers import Maxout

EXAMPLES = {
    "Maxout": [
        (Maxout(3), ((4,),)),
        (Maxout(2, 3, bias=False), ((5, 4),)),
        (Maxout(), ((4,),)),
        (Maxout(pieces=3), ((6, 2, 3),)),
        (Maxout(axis=1), ((6, 3),)),
    ],
}
