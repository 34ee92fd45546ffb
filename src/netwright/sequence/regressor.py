"""`SequenceRegressor`: numbers for each sequence, for each step, or for the step that comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import LONG, InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, check, checks_options, instance, integer, nothing
from netwright.estimators.networks import split_heads
from netwright.graph import Expression
from netwright.layers import GRU
from netwright.optim import Adam, Clip
from netwright.sequence import saving
from netwright.sequence.base import SHARED, SequenceEstimator, expect_outputs
from netwright.sequence.encoding import Scaled, Words, counted
from netwright.sequence.reading import kind_of, read_sequences
from netwright.sequence.targets import Quantities, read_quantities, steps_left, targets_of


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    """A regressor of sequences of unequal lengths, which is a forecaster when it is fitted without targets.

    Targets are one number or vector for each sequence, or one for each step. ``fit(X)`` alone learns at each step what
    the next one will be, and `forecast` goes on from there. Sequences and targets are scaled by their training steps.

    Parameters
    ----------
    network : layers between the sequences and the head, or up to the head: ``LSTM(64, output="last")`` for a number a
        sequence, ``GRU(32)`` for a number a step, or their text. None: a GRU of 64 units. For a forecast it must look
        back only (`LSTM`, `GRU`, `CausalStack`), which is checked.
    optimizer : an update rule of `netwright.optim`; None for ``Adam(0.003)``, its gradients clipped at a norm of 1.
    regularizer : ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of such; None for none.
    epochs : passes over the training sequences, >= 1.
    batch_size : sequences in an update, >= 1.
    validation : share of the sequences in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss after which training stops and the best weights are put back.
    average : decay in (0, 1) of a running average of the weights, which is then kept; None for none.
    window : steps of the pieces that longer sequences are cut into for training (each begins a quarter of it after the
        one before), >= 2; None: they are read whole. For a single long series.
    width : length of the vectors of tokens, >= 1.
    device : "auto", "cpu", "cuda", ...
    devices, checkpoint, resume : processes that train it together, and a folder from which a fit that was killed goes
        on; as of `Classifier`.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.

    Attributes
    ----------
    network_ : the closed network. module_ : its torch module.
    history_ : a record an epoch. loss_curve_ : training losses. n_iter_ : epochs trained. best_epoch_ : the epoch with
    the lowest monitored loss. diagnosis_ : what the run's own checks found. seed_ : the seed that random_state gave.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> wave = np.sin(np.arange(200) * 0.3)
    >>> model = nw.sequence.SequenceRegressor("GRU(16)", window=40, epochs=60, random_state=0).fit([wave[:160]])
    >>> ahead = model.forecast([wave[:160]], steps=20)[0][:, 0]
    >>> bool(np.abs(ahead - wave[160:180]).max() < 0.3)
    True

    References
    ----------
    Williams, Zipser, *A learning algorithm for continually running fully recurrent neural networks*, 1989.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "network": nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text"),
        "window": nothing | integer(2),
        "width": integer(1),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        optimizer: Any = None,
        regularizer: Any = None,
        epochs: int = 100,
        batch_size: int = 32,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        window: int | None = None,
        width: int = 100,
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.regularizer = regularizer
        self.epochs, self.batch_size = epochs, batch_size
        self.validation, self.patience = validation, patience
        self.average = average
        self.window = window
        self.width = width
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose

    def predict(self, X: Any) -> Any:
        """The numbers of each sequence, (n,) or (n, m); by step a list of arrays (steps_i,) or (steps_i, m).

        A forecaster gives at each step what it expects of the next one.

        Parameters
        ----------
        X : sequences as in `fit`.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    def forecast(self, X: Any, steps: int = 1) -> list[NDArray[np.float64]]:
        """How each sequence goes on: what is forecast is read as if it had come, step by step.

        Parameters
        ----------
        X : sequences of at least one step. steps : how many are wanted, >= 1.

        Returns
        -------
        one array (steps, features) a sequence

        Raises
        ------
        InvalidParameter : a regressor that was fitted to targets of its own.
        InvalidData : an empty sequence.
        """
        check_is_fitted(self, "module_")
        check("forecast(steps)", steps, integer(1))
        if not self.forecasts_:
            remedy = "Fit without y: fit(X) learns what comes next."
            raise InvalidParameter(problem("SequenceRegressor.forecast", "a forecaster", "one with targets", remedy))
        past = self._read(X, "forecast(X)")
        empty = next((i for i, item in enumerate(past) if not len(item)), None)
        if empty is not None:
            raise InvalidData(problem(f"forecast(X), sequence {empty}", "at least one step to go on from", "none"))
        for _ in range(steps):
            ahead = self._target.decode(self._outputs(past))
            past = [np.concatenate([item, new[-1:]]) for item, new in zip(past, ahead, strict=True)]
        return [item[-steps:] for item in past]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The coefficient of determination R^2, over all steps where targets are by step.

        Parameters
        ----------
        X : sequences as in `fit`. y : their targets; None for those of a forecaster, the next steps.
        sample_weight : (n,) numbers >= 0, or None; where targets are by step, of each step of a sequence.
        """
        check_is_fitted(self, "module_")
        sequences, y = self._with_next(X, y, "score")
        found = self.predict(sequences)
        arrays, _ = read_quantities(targets_of(y, sequences, "score(y)"), sequences, "score(y)", self._target)
        if not self._target.by_step:
            return float(r2_score(np.stack(arrays), found, sample_weight=sample_weight))
        if sample_weight is not None:
            sample_weight = np.repeat(sample_weight, [len(item) for item in sequences])
        wanted = np.concatenate([item for item in arrays if item.size])
        return float(r2_score(wanted, np.concatenate(found), sample_weight=sample_weight))

    def _with_next(self, X: Any, y: Any, where: str) -> tuple[list[Any], Any]:
        """Sequences and targets; without targets these are the next steps."""
        sequences = self._read(X, f"SequenceRegressor.{where}(X)")
        if y is not None:
            return sequences, y
        for index, item in enumerate(sequences):
            if isinstance(item, list):
                remedy = "Give targets; the next token is for LanguageModel."
                got = f"tokens in sequence {index}"
                raise InvalidData(problem(f"SequenceRegressor.{where}", "numbers to forecast", got, remedy))
            if len(item) < 2:
                got = f"{len(item)}"
                where = f"SequenceRegressor.{where}(X), sequence {index}"
                raise InvalidData(problem(where, "at least 2 steps where there is no y", got))
        return [item[:-1] for item in sequences], [item[1:] for item in sequences]

    def _read(self, X: Any, where: str) -> list[Any]:
        if hasattr(self, "_input"):
            return list(self._input.read(X, where))
        return read_sequences(X, where)

    def _encoder(self, sequences: list[Any]) -> Any:
        if kind_of(sequences) == "numbers":
            return Scaled.fit(sequences)
        return Words(counted(sequences, 2), self.width)

    def _examples(self, X: Any, y: Any) -> tuple[list[Any], Any]:
        if not hasattr(self, "_target"):
            self.forecasts_ = y is None
        if y is None and not self.forecasts_:
            raise InvalidData(problem("SequenceRegressor.fit(y)", "targets, as there are in training", "None"))
        return self._with_next(X, y, "fit")

    def _read_target(self, y: Any, sequences: list[Any], known: Any) -> Any:
        where = "SequenceRegressor.fit(y)"
        arrays, by_step = read_quantities(targets_of(y, sequences, where), sequences, where, known)
        if self.window is not None and not by_step:
            remedy = "A sequence with one target cannot be cut."
            raise InvalidParameter(problem("SequenceRegressor(window)", "targets by step", "one a sequence", remedy))
        return known if known is not None else Quantities.of(arrays, by_step), arrays

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        return tags

    def _rule(self) -> Any:
        return Clip(Adam(0.003), 1.0)

    def _body(self) -> Expression:
        return GRU(64) if self._target.by_step else GRU(64, output="last")

    def _task(self, module: torch.nn.Module) -> Any:
        expect_outputs(self.network_, self._target.by_step, self._target.width)
        link = split_heads(module)[1]
        if link != "identity":
            remedy = "Scaled targets lie on both sides of 0; leave the head out, it is then added."
            raise InvalidParameter(problem("network", "an end in Linear, or no head", f"{link} as its last", remedy))
        if self.forecasts_:
            require_backwards(module, self.network_, self._input.shape)

        def squares(output: Tensor, target: Tensor) -> Tensor:
            if not self._target.by_step:
                return (output - target).square().mean(1)
            left = steps_left(target)
            return (output[left] - target[left]).square().mean(1)

        def objective(output: Tensor, target: Tensor, weight: Any) -> Tensor:
            return squares(output, target).mean()

        def score(output: Tensor, target: Tensor, weight: Any) -> float:
            return 1.0 - float(squares(output, target).mean())  # R^2, the deviation of the training targets being 1

        return module, objective, score


def require_backwards(module: torch.nn.Module, network: Expression, shape: tuple[int, ...]) -> None:
    """Refuse a network in which a step sees a later one: it would forecast what it has been told.

    Parameters
    ----------
    module, network : the built network and its layers. shape : of a step.

    Raises
    ------
    InvalidParameter : such a network.
    """
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(1, 6, *shape, generator=generator)
    second = first.clone()
    second[:, 4:] = torch.randn(1, 2, *shape, generator=generator)
    module.eval()
    with torch.no_grad():
        lengths = torch.full((1, 1), 6.0)
        one, other = module(first, lengths), module(second, lengths)
    if not torch.allclose(one[:, :4], other[:, :4], atol=1e-5):
        remedy = "Use LSTM, GRU, Elman or CausalStack without Bidirectional."
        raise InvalidParameter(problem("network", "one whose steps see no later step", shown(network, LONG), remedy))


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> SequenceRegressor:
    """The regressor that a model file holds."""
    made = SequenceRegressor(**saving.params_of(content))
    made.forecasts_ = content["forecasts"]
    restored: SequenceRegressor = saving.restore(made, Quantities.from_state(content["target"]), content, tensors)
    return restored
