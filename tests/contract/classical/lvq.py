"""Small examples of learning vector quantization."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import make_blobs

from netwright.classical.lvq.glvq import GLVQ
from netwright.classical.lvq.gmlvq import GMLVQ
from netwright.classical.lvq.lvq1 import LVQ1
from netwright.classical.lvq.lvq2 import LVQ2
from netwright.classical.lvq.lvq3 import LVQ3
from netwright.classical.lvq.lvq21 import LVQ21

X, PLACES = make_blobs(60, 4, centers=6, cluster_std=2.0, random_state=0)
Y = np.array(["low", "middle", "high"])[PLACES % 3]


def example(network: Any) -> dict[str, Any]:
    return {"network": network, "X": X, "y": Y}


EXAMPLES: dict[str, dict[str, Any]] = {
    "LVQ1": example(LVQ1(2, epochs=3, random_state=0)),
    "LVQ2": example(LVQ2(2, window=0.5, epochs=3, random_state=0)),
    "LVQ21": example(LVQ21(2, window=0.5, epochs=3, random_state=0)),
    "LVQ3": example(LVQ3(2, epochs=3, warm_epochs=1, random_state=0)),
    "GLVQ": example(GLVQ(2, epochs=3, random_state=0)),
    "GMLVQ": example(GMLVQ(2, rank=3, epochs=3, random_state=0)) | {"checked": GMLVQ(2, epochs=3, random_state=0)},
}
