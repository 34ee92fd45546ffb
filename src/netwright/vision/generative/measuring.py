"""`MeasureSamples`: figures of made samples in the history of a `GAN`, while it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import to_seed
from netwright.core.validation import check, integer
from netwright.train import Run
from netwright.train.averaging import Averaging
from netwright.vision.generative.making import made_by
from netwright.vision.generative.players import Players


class MeasureSamples:
    """A callback of `GAN`: at the end of an epoch, functions of samples are written into the history.

    The samples are made of the same noise each time, by the average of the weights where there is one, of all classes
    in turn. They are drawn from a stream of their own, so the training goes on as it would without.

    Parameters
    ----------
    measures : functions by name; each takes samples in the form of the data and gives a number.
    samples : how many it is given, >= 1.
    every : epochs (of about 100 steps) between two looks, >= 1; the last epoch is always looked at.
    random_state : of the noise: None, an integer, a RandomState or a Generator.

    Raises
    ------
    InvalidParameter : measures that are not functions by name; a name that the history has already; another estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.vision import GAN, MeasureSamples
    >>> X = np.random.default_rng(0).normal((3, -1), 0.1, (500, 2))
    >>> look = MeasureSamples({"off": lambda made: np.abs(made.mean(0) - (3, -1)).max()}, samples=200)
    >>> layers = {"generator": "ReLU(32) >> Linear(2)", "discriminator": "ReLU(32) >> Linear(1)"}
    >>> gan = GAN(**layers, steps=300, callbacks=[look], random_state=0).fit(X)
    >>> len(gan.history_["off"]), gan.history_["off"][-1] < 0.3
    (3, True)
    """

    def __init__(
        self,
        measures: Mapping[str, Callable[[Any], float]],
        samples: int = 1000,
        every: int = 1,
        random_state: Any = 0,
    ) -> None:
        found = dict(measures) if isinstance(measures, Mapping) else {}
        if not found or not all(isinstance(name, str) and callable(item) for name, item in found.items()):
            expected, remedy = "functions by name", 'Write {"modes": lambda made: ...}.'
            raise InvalidParameter(problem("MeasureSamples(measures)", expected, shown(measures), remedy))
        check("MeasureSamples(samples)", samples, integer(1))
        check("MeasureSamples(every)", every, integer(1))
        self.measures, self.samples, self.every = found, samples, every
        self.seed = to_seed(random_state)

    def on_epoch_end(self, run: Run) -> None:
        """Measure, where it is time to.

        Parameters
        ----------
        run : of a `GAN`.
        """
        net, record = run.module, run.history.records[-1]
        if not isinstance(net, Players) or net.form is None:
            remedy = "Leave it out of callbacks."
            raise InvalidParameter(problem("MeasureSamples", "the training of a GAN", type(net).__name__, remedy))
        taken = sorted(set(self.measures) & set(record))
        if taken:
            raise InvalidParameter(problem("MeasureSamples(measures)", "names of their own", f"{taken[0]!r}"))
        if run.epoch % self.every and run.epoch != run.epochs:
            return
        drawn = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(self.samples, net.game.latent, generator=drawn)
        with Averaging(run).swapped_in():
            made = made_by(net, noise, torch.arange(self.samples) % max(net.game.classes, 1))
        samples = net.form.restored(made)
        record.update({name: float(function(samples)) for name, function in self.measures.items()})
