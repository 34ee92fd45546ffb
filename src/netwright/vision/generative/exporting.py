"""Estimators that make samples as one graph, in the form of the data that they were fitted with.

========================================== ============================ ====================================
estimator                                  inputs                       outputs
========================================== ============================ ====================================
`Autoencoder`, `VariationalAutoencoder`    ``X``, in the form of fit    ``code``, ``reconstruction``
`GAN`                                      ``noise`` (batch, latent)    ``samples``
... fitted with labels                     and ``index`` (batch,)       the same
========================================== ============================ ====================================

The code of a variational autoencoder is the mean of its posterior, as `transform` gives it. Bytes come and go as bytes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Entrance, Graph
from netwright.graph.export.exporter import SAMPLES
from netwright.vision.generative.reading import Form


class Coding(torch.nn.Module):
    """Samples as codes, and what the codes stand for.

    Parameters
    ----------
    network : with an encoder and a decoder. form : of samples.
    """

    def __init__(self, network: Any, form: Form) -> None:
        super().__init__()
        self.network, self.form = network, form

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Samples in the form of the data -> (batch, latent), samples in that form"""
        codes = self.network.encode(self.form.scaled(self.form.seen(X)))
        return codes, self.form.given(self.network.decode(codes))


class Making(torch.nn.Module):
    """Samples of noise.

    Parameters
    ----------
    generator : takes noise, and beside it the unit vector of a class where there are some. classes : how many there
        are. form : of samples.
    """

    def __init__(self, generator: torch.nn.Module, classes: int, form: Form) -> None:
        super().__init__()
        self.generator, self.classes, self.form = generator, classes, form

    def forward(self, *inputs: Tensor) -> Tensor:
        """(batch, latent)[, (batch,)] -> samples in the form of the data"""
        noise = inputs[0]
        if self.classes:
            noise = torch.cat([noise, one_hot(inputs[1], self.classes).to(noise.dtype)], 1)
        return self.form.given(self.generator(noise))


def graph_of_codes(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted autoencoder, which has no steps."""
    form, networks = self.form_, self.networks_
    content = {
        "kind": type(self).__name__,
        "network": {name: repr(network) for name, network in networks.items()},
        "features": list(form.names) or None,
    }
    answers = {"code": "what transform gives", "reconstruction": "each sample through its code and back"}
    entrance = Entrance("X", form.empty(SAMPLES), "samples, as in fit; they are scaled in the graph")
    return Graph(Coding(plain_copy(self.module_), form), [entrance], answers, content)


def graph_of_samples(self: Any, steps: None = None) -> Graph:
    """The graph of the generator of a fitted GAN, which has no steps."""
    form, generator = self.form_, plain_copy(self.module_.generator)
    classes = self.classes_.tolist() if hasattr(self, "classes_") else []
    content = {
        "kind": type(self).__name__,
        "network": repr(self.networks_["generator"]),
        "classes": classes or None,
        "features": list(form.names) or None,
    }
    entrances = [Entrance("noise", torch.zeros(SAMPLES, self.latent_), "numbers drawn from N(0, 1)")]
    if classes:
        zeros = torch.zeros(SAMPLES, dtype=torch.int64)
        entrances.append(Entrance("index", zeros, "the place of the wanted class among classes"))
    answers = {"samples": "in the form of the data"}
    return Graph(Making(generator, len(classes), form), entrances, answers, content)
