"""Examples of layers/embedding.py for the contract: constructions and the shapes that they take."""

from netwright.layers import ColumnEmbedding, Embedding

EXAMPLES = {
    "ColumnEmbedding": [(ColumnEmbedding((3, 7)), ((5,),)), (ColumnEmbedding((4,), 6), ((1,),))],
    "Embedding": [(Embedding(7, 3), ((5,),)), (Embedding(7, 2), ((3, 2),))],
}
