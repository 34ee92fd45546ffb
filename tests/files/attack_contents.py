"""Contents of manifests that ask for too much or name what is not theirs: kind of golden file, place, what is there.

The sums of these files are right: what refuses them is that a name is looked up in a closed list, and that nothing is
made that is larger than the file can be the reason of.
"""

from __future__ import annotations

from typing import Any

NET = "content.network.parts"
HOSTILE = "os.system('touch NETWRIGHT_WAS_HERE')"


def layer(name: str, **fields: Any) -> dict[str, Any]:
    return {"$": f"layer.{name}", **fields}


def chain(*parts: Any) -> dict[str, Any]:
    return {"$": "network.Chain", "card": None, "parts": [{"$": "network.Input", "shape": [3]}, *parts]}


def nested(depth: int) -> Any:
    """Chains in chains."""
    made: Any = layer("Identity")
    for _ in range(depth):
        made = {"$": "network.Chain", "card": None, "parts": [made]}
    return made


def ensembles(depth: int, width: int) -> dict[str, Any]:
    """Ensembles of ensembles."""
    own = {"params": {"how": "seeds"}, "seed": 0, "vectorised": False, "independent": False, "temperature": None}
    made: dict[str, Any] = {"own": own, "parts": []}
    for _ in range(depth):
        made = {"own": own, "parts": [{"kind": "Ensemble", "content": made}] * width}
    return made


NAMES: dict[str, tuple[str, str, Any]] = {
    f"{what!r} as {words}": (kind, place, what)
    for what in ("os.system", "builtins.eval", "subprocess.Popen", "../../evil", "__import__('os')")
    for words, kind, place in (
        ("a kind", "Classifier", "kind"),
        ("a layer", "Classifier", f"{NET}.1.$"),
        ("a loss", "Classifier", "content.loss.$"),
        ("a start of weights", "Classifier", f"{NET}.1.weight.$"),
        ("the kind of a part", "Ensemble", "content.parts.0.kind"),
    )
}
WRONG: dict[str, tuple[str, str, Any]] = {
    "a layer of another family": ("Classifier", f"{NET}.1.$", "loss.CrossEntropy"),
    "a class's own attribute as a layer": ("Classifier", f"{NET}.1.$", "layer.__class__"),
    "a family that is no family": ("Classifier", f"{NET}.1.$", "layer.ReLU.__init__"),
    "a registered function that is none": ("Classifier", f"{NET}.1", {"$": "user", "name": "system"}),
    "an estimator as a layer": ("Classifier", f"{NET}.1", {"$": "classical.SOFM"}),
    "a network that is a text": ("Classifier", "content.network", "ReLU(4) >> " * 50_000 + "Softmax(2)"),
    "a network that is a number": ("Classifier", "content.network", 5),
    "a network that is a loss": ("Classifier", "content.network", {"$": "loss.MSE"}),
    "no content": ("Classifier", "content", {}),
    "a field that no layer has": ("Classifier", f"{NET}.1.command", HOSTILE),
    "an option that no estimator has": ("Classifier", "content.params.command", HOSTILE),
    "a folder that training would write to": ("Classifier", "content.params.checkpoint", "../../.ssh"),
    "a callback": ("Classifier", "content.params.callbacks", [HOSTILE]),
    "an encoder that is a module": ("SequenceTagger", "content.input.kind", "os"),
    "labels of pickles": ("Classifier", "content.target.labels.0.dtype", "|V8"),
    "labels of a type that is code": ("Classifier", "content.target.labels.0.dtype", "i4,(2,3)f8,a5"),
    "no labels": ("Classifier", "content.target.labels", []),
    "one label for two outputs": ("Classifier", "content.target.labels.0.values", ["a"]),
    "a method as what was learned": ("SOFM", "content.learned.predict", HOSTILE),
    "a class as what was learned": ("SOFM", "content.learned.__class__", HOSTILE),
    "an array that is not there": ("SOFM", "content.learned.weights_", {"$array": "../weights"}),
    "an inner network that is a module": (
        "DBN",
        "content.learned.machines_",
        [{"$network": "os", "params": {}, "learned": {}}],
    ),
    "arrays of another model": ("Classifier", "kind", "Regressor"),
    "a deep kind for a classical file": ("SOFM", "kind", "Classifier"),
    "a classical kind for a deep file": ("Classifier", "kind", "SOFM"),
    "a model where a network is": ("Classifier", "kind", "module"),
}
BOMBS: dict[str, tuple[str, str, Any]] = {
    "Linear(10**12)": ("module", f"{NET}.1", layer("Linear", units=10**12)),
    "ReLU(10**9)": ("Classifier", f"{NET}.1.units", 10**9),
    "ReLU(10**7), of 240 MB": ("Classifier", f"{NET}.1.units", 10**7),
    "ReLU(2**100)": ("Classifier", f"{NET}.1.units", 2**100),
    "ReLU(-1)": ("Classifier", f"{NET}.1.units", -1),
    "ReLU of NaN": ("Classifier", f"{NET}.1.units", {"$float": "nan"}),
    "Input(10**12)": ("Classifier", f"{NET}.0.shape", [10**12]),
    "Input(10**6) of 16 MB": ("Classifier", f"{NET}.0.shape", [10**6]),
    "Input with a million axes": ("Classifier", f"{NET}.0.shape", [1] * 300_000),
    "30,000 layers": ("Classifier", NET, [{"$": "network.Input", "shape": [3]}] + [layer("ReLU")] * 30_000),
    "5,000 layers that fit": (
        "Classifier",
        NET,
        [{"$": "network.Input", "shape": [3]}] + [layer("Linear", units=3)] * 5_000,
    ),
    "5,000 branches": (
        "Classifier",
        f"{NET}.1",
        {"$": "network.Parallel", "branches": [layer("Linear", units=3)] * 5_000},
    ),
    "60 chains in each other": ("Classifier", "content.network", nested(60)),
    "20 chains in each other": ("Classifier", "content.network", nested(20)),
    "LSTM of 10**9 layers": ("SequenceClassifier", f"{NET}.1.layers", 10**9),
    "GRU(10**6)": ("SequenceClassifier", f"{NET}.1.units", 10**6),
    "a stack of 10**9 convolutions": (
        "module",
        "content.network",
        chain(layer("Reshape", shape=[3, 1]), layer("CausalStack", channels=1, size=2, levels=10**9)),
    ),
    "a stack of 10**5 convolutions": (
        "module",
        "content.network",
        chain(layer("Reshape", shape=[3, 1]), layer("CausalStack", channels=1, size=2, levels=10**5)),
    ),
    "Embedding(10**12)": ("module", "content.network", chain(layer("Embedding", entries=10**12, dimension=2**20))),
    "RadialBasis(10**10)": ("module", "content.network", chain(layer("RadialBasis", units=10**10))),
    "HierarchicalSoftmax(10**9)": ("module", "content.network", chain(layer("HierarchicalSoftmax", classes=10**9))),
    "AdaptiveSoftmax(10**9)": (
        "module",
        "content.network",
        chain(layer("AdaptiveSoftmax", classes=10**9, cutoffs=[10, 100])),
    ),
    "Maxout of 10**9 pieces": ("module", "content.network", chain(layer("Maxout", units=10**6, pieces=10**9))),
    "Upsample(10**9)": (
        "module",
        "content.network",
        chain(layer("Reshape", shape=[1, 3]), layer("Upsample", factor=10**9)),
    ),
    "PadChannels(10**12)": ("module", "content.network", chain(layer("PadChannels", channels=10**12))),
    "KMaxPool(10**9)": ("module", "content.network", chain(layer("Reshape", shape=[3, 1]), layer("KMaxPool", k=10**9))),
    "bins: 10**9": ("BinnedRegressor", "content.loss.bins", 10**9),
    "labels of 2 GB": ("Classifier", "content.target.labels.0.dtype", "<U500000000"),
    "labels of 2 GB, classical": ("SOFM", "content.learned.classes_.dtype", "<U500000000"),
    "5,000 labels as long as one of them": (
        "Classifier",
        "content.target.labels.0",
        {"dtype": "<U100000", "values": ["a" * 100_000, *["b"] * 5_000]},
    ),
    "an ensemble of 12 ensembles": ("Ensemble", "content", ensembles(12, 1)),
    "an ensemble of 3**7 ensembles": ("Ensemble", "content", ensembles(7, 3)),
    "an ensemble of 10,000": (
        "Ensemble",
        "content.parts",
        [{"kind": "Classifier", "content": {}} for _ in range(10_000)],
    ),
    "a vocabulary that is a number": ("LanguageModel", "content.vocabulary", 10**9),
    "10**9 outputs": ("Classifier", "content.output_shapes", [[10**9]]),
}
CONTENTS = NAMES | WRONG | BOMBS
