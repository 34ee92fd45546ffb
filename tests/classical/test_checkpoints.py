"""A fit of a classical network that is killed and begun again ends with the bits of one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from netwright import classical
from netwright.classical.checkpoints import Place
from netwright.classical.saving import learned_of
from netwright.core.errors import InvalidParameter
from netwright.core.generations import Checkpoints, Generations

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
NETWORKS = {
    "map": classical.SOFM((4, 4), epochs=5, random_state=0),
    "map, online": classical.SOFM((4, 4), algorithm="online", epochs=5, random_state=0),
    "labelled map": classical.SOFM((4, 3), topology="hexagon", epochs=5, random_state=0),
}
UNIT = (X - X.min(0)) / (X.max(0) - X.min(0))
NETWORKS |= {
    "growing neural gas": classical.GrowingNeuralGas(max_nodes=12, insert_every=40, epochs=4, random_state=0),
    "neural gas": classical.NeuralGas(9, epochs=4, random_state=0),
    "neural gas, batch": classical.NeuralGas(9, algorithm="batch", epochs=4, random_state=0),
    "winner takes all": classical.Kohonen(5, epochs=4, random_state=0),
    "lvq1": classical.LVQ1(prototypes_per_class=2, epochs=4, random_state=0),
    "lvq2": classical.LVQ2(prototypes_per_class=2, epochs=3, warm_epochs=2, random_state=0),
    "lvq2.1": classical.LVQ21(prototypes_per_class=2, epochs=3, random_state=0),
    "lvq3": classical.LVQ3(prototypes_per_class=2, epochs=3, random_state=0),
    "glvq": classical.GLVQ(prototypes_per_class=2, epochs=4, random_state=0),
    "gmlvq": classical.GMLVQ(epochs=4, random_state=0),
    "art1": classical.ART1(epochs=4, vigilance=0.4, random_state=0),
    "fuzzy art": classical.FuzzyART(epochs=4, vigilance=0.7, random_state=0),
    "hebb": classical.Hebb(learning_rate=0.01, epochs=4, random_state=0),
    "oja": classical.Oja(center=True, epochs=4, random_state=0),
    "sanger": classical.Sanger(2, epochs=4, random_state=0),
    "instar": classical.Instar(learning_rate=0.1, epochs=4, random_state=0),
    "outstar": classical.Outstar(learning_rate=0.1, epochs=4, random_state=0),
    "cmac": classical.CMAC(n_tilings=4, resolution=10, epochs=4, random_state=0),
    "rbm": classical.RBM(5, epochs=4, momentum=0.5, persistent=True, random_state=0),
    "rbm, gaussian": classical.RBM(5, visible="gaussian", epochs=4, random_state=0),
    "dbn": classical.DBN((4, 3), epochs=2, random_state=0),
}
ROWS = {
    "art1": np.hstack([UNIT > 0.5, UNIT <= 0.5]),
    "fuzzy art": UNIT,
    "cmac": X[:, :2],
    "rbm": UNIT,
    "dbn": UNIT,
    "outstar": UNIT,
}
TARGETS = {"hebb": UNIT > 0.5, "instar": np.eye(3)[Y], "outstar": np.eye(3)[Y], "cmac": X[:, 2]}
WITH_LABELS = {"labelled map", "lvq1", "lvq2", "lvq2.1", "lvq3", "glvq", "gmlvq"}
ITERATIVE = [
    item
    for name in classical.__all__
    if "epochs" in getattr(classical, name)._get_param_names() and name != "ClassicalNetwork"
    for item in [getattr(classical, name)]
]


class Killed(BaseException):
    """What no program catches."""


def fitted(network, name):
    target = Y if name in WITH_LABELS else TARGETS.get(name)
    return network.fit(ROWS.get(name, X), target)


def learned(network):
    """All that was learned, to the bit."""
    tensors = {}
    content = learned_of(network, tensors)
    return repr(sorted(content.items())), {
        name: (array.dtype.str, array.shape, array.tobytes()) for name, array in tensors.items()
    }


def test_all_iterative_networks_have_the_options_and_are_here():
    assert ITERATIVE
    for kind in ITERATIVE:
        assert {"checkpoint", "resume"} <= set(kind._get_param_names()), kind.__name__
        assert any(type(network) is kind for network in NETWORKS.values()), kind.__name__


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fit_goes_on_to_the_same_bits_from_each_epoch(name, tmp_path, monkeypatch):
    whole = fitted(clone(NETWORKS[name]), name)
    save = Place.save
    written = []
    monkeypatch.setattr(Place, "save", lambda self, network, last: (save(self, network, last), written.append(last)))
    uncut = fitted(clone(NETWORKS[name]).set_params(checkpoint=str(tmp_path / "uncut")), name)
    assert learned(uncut) == learned(whole)
    epochs = len(written)  # a network may end early, and a stack has those of all layers
    assert epochs >= 2
    for last in range(1, epochs + 1):
        once = clone(NETWORKS[name]).set_params(checkpoint=str(tmp_path / str(last)))
        written = []

        def saved(self, network, last, kill_at=last, written=written):
            save(self, network, last)
            written.append(network.n_iter_)
            if len(written) == kill_at:
                raise Killed

        monkeypatch.setattr(Place, "save", saved)
        with pytest.raises(Killed):
            fitted(clone(once), name)
        again = fitted(clone(once), name)
        assert learned(again) == learned(whole), last
        assert len(written) == epochs


def test_two_generations_a_damaged_one_and_the_end(tmp_path):
    network = classical.SOFM((4, 4), epochs=5, random_state=0, checkpoint=str(tmp_path / "run"))
    whole = learned(clone(network).fit(X))
    files = Generations(tmp_path / "run", "epoch").files()
    assert [path.name for path in files] == ["epoch-000004.nw", "epoch-000005.nw"]
    files[1].write_bytes(files[1].read_bytes()[:-3])
    with pytest.warns(UserWarning, match=r"epoch-000005\.nw.*The checkpoint before it is taken"):
        assert learned(clone(network).fit(X)) == whole


def test_other_conditions_are_told(tmp_path, monkeypatch):
    network = classical.SOFM((4, 4), epochs=2, random_state=0, checkpoint=str(tmp_path)).fit(X)
    monkeypatch.setattr("netwright.classical.checkpoints.metadata.version", lambda name: "9.9")
    with pytest.warns(UserWarning, match=r"other conditions \(numba 0.* then, 9\.9 now\): the last bits may differ"):
        clone(network).fit(X)


def test_without_a_seed_it_goes_on_with_that_of_its_beginning(tmp_path):
    network = classical.SOFM((4, 4), epochs=4, algorithm="online", checkpoint=str(tmp_path))
    assert learned(clone(network).fit(X)) == learned(clone(network).fit(X))
    before = learned(clone(network).fit(X))
    assert learned(clone(network).set_params(resume=False).fit(X)) != before


@pytest.mark.parametrize(
    ("change", "rows", "text"),
    [
        ({"shape": (5, 4)}, X, r"checkpoint .*: expected shape \(5, 4\), as of this run, got \(4, 4\)\. Give this run"),
        ({"random_state": 1}, X, r"expected seed 1, as of this run, got 0"),
        ({}, X[:-1], r"expected rows [0-9a-f]+, as of this run, got"),
        ({"epochs": 9}, X, r"expected epochs 9, as of this run, got 3"),
    ],
)
def test_a_folder_of_another_fit_is_refused(change, rows, text, tmp_path):
    network = classical.SOFM((4, 4), epochs=3, random_state=0, checkpoint=str(tmp_path)).fit(X)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InvalidParameter, match=text):
        clone(network).set_params(**change).fit(rows)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    clone(network).set_params(**change, resume=False).fit(rows)


def test_every_so_many_epochs_and_the_last(tmp_path):
    asked = Checkpoints(str(tmp_path), epochs=3)
    classical.SOFM((3, 3), epochs=8, random_state=0, checkpoint=asked).fit(X)
    assert [path.name for path in Generations(tmp_path, "epoch").files()] == ["epoch-000006.nw", "epoch-000008.nw"]


PROGRAM = """
    import sys, os, signal
    from netwright import classical
    from netwright.classical.checkpoints import Place
    from sklearn.datasets import load_iris

    network = classical.SOFM((6, 6), algorithm="online", epochs=6, random_state=0, checkpoint=sys.argv[1])
    epoch, at = classical.SOFM._epoch, int(sys.argv[2])

    def watched(self, chunks, grid):
        if self.n_iter_ == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return epoch(self, chunks, grid)

    classical.SOFM._epoch = watched
    network.fit(load_iris().data)
"""


@pytest.mark.slow
def test_asked_to_end_it_is_written_down(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    done = subprocess.run([sys.executable, str(program), str(tmp_path / "run"), "2"], check=False)
    assert done.returncode == 143
    assert Generations(tmp_path / "run", "epoch").files()[-1].name == "epoch-000003.nw"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    network = classical.SOFM((6, 6), algorithm="online", epochs=6, random_state=0)
    whole = learned(clone(network).fit(load_iris().data))
    assert learned(clone(network).set_params(checkpoint=str(tmp_path / "run")).fit(load_iris().data)) == whole
