"""Examples of layers/recurrent for the contract: constructions and the shapes that they take."""

from netwright.layers import GRU, LSTM, Bidirectional, Elman, Jordan

EXAMPLES = {
    "Elman": [
        (Elman(3), ((5, 4),)),
        (Elman(3, layers=2, activation="sigmoid", output="max", dropout=0.2, recurrent_dropout=0.2), ((5, 4),)),
        (Elman(3, output="last", lengths=True, initial="learned"), ((5, 4), (1,))),
    ],
    "Jordan": [(Jordan(4, 3), ((5, 4),)), (Jordan(4, 2, output="last", initial="input"), ((5, 4), (2,)))],
    "LSTM": [
        (LSTM(3), ((5, 4),)),
        (LSTM(3, layers=2, peepholes=True, output="state"), ((5, 4),)),
        (LSTM(3, initial="input", lengths=True, output="last"), ((5, 4), (6,), (1,))),
    ],
    "GRU": [
        (GRU(3), ((5, 4),)),
        (GRU(3, reset="before", output="avg", lengths=True), ((5, 4), (1,))),
        (GRU(3, layers=2, recurrent_dropout=0.5), ((5, 4),)),
    ],
    "Bidirectional": [
        (Bidirectional(LSTM(3)), ((5, 4),)),
        (Bidirectional(GRU(3, output="last", lengths=True), merge="multiply"), ((5, 4), (1,))),
        (Bidirectional(LSTM(2, output="state", initial="input"), merge="average"), ((5, 4), (8,))),
        (Bidirectional(Elman(3, output="avg"), merge="add"), ((5, 4),)),
    ],
}
