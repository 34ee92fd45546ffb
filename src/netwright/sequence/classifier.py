"""`SequenceClassifier`: a label for each sequence."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, instance, integer, nothing
from netwright.data.text.vectors import fill, read_vectors
from netwright.estimators.networks import split_heads
from netwright.estimators.objective import NetworkLoss
from netwright.estimators.parameters import CONSTRAINTS, value_of
from netwright.graph import Expression
from netwright.layers import LSTM, Bidirectional, Dropout
from netwright.optim import Adam
from netwright.sequence import saving
from netwright.sequence.base import SHARED, SequenceEstimator, expect_outputs
from netwright.sequence.encoding import Scaled, Words, counted
from netwright.sequence.reading import kind_of, read_sequences
from netwright.sequence.targets import Labels, as_labels, targets_of

log = logging.getLogger("netwright")


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """A classifier of sequences of unequal lengths, of numbers or of tokens.

    Sequences of numbers are scaled by their training steps; tokens are embedded. Batches hold sequences of similar
    length, and no result depends on the padding.

    Parameters
    ----------
    network : layers between the sequences and the head, or up to the head: ``LSTM(64, output="last")``,
        ``GRU(32) >> TimePool("max") >> Softmax(3)``, or their text; its layers
        are told the lengths (`netwright.layers.with_lengths`). None: a bidirectional LSTM of 64 units each way, the
        largest of each over time, and dropout.
    loss : a loss of `netwright.losses`; None for cross-entropy.
    optimizer : an update rule of `netwright.optim`; None for ``Adam(0.001)``.
    regularizer : ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of such; None for none.
    epochs : passes over the training sequences, >= 1.
    batch_size : sequences in an update, >= 1.
    validation : share of the sequences in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss after which training stops and the best weights are put back.
    average : decay in (0, 1) of a running average of the weights, which is then kept; None for none.
    width : length of the vectors of tokens, >= 1.
    least : how often a token has to come in training to have a vector of its own, >= 1.
    vectors : vectors of tokens to start from: a file for `netwright.data.read_vectors`, or (words, matrix) as it gives
        them; None: they are drawn. Their length goes before `width`.
    device : "auto", "cpu", "cuda", ...
    devices, checkpoint, resume : processes that train it together, and a folder from which a fit that was killed goes
        on; as of `Classifier`.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.

    Attributes
    ----------
    classes_ : labels, sorted, (k,). network_ : the closed network. module_ : its torch module.
    history_ : a record an epoch. loss_curve_ : training losses. n_iter_ : epochs trained. best_epoch_ : the epoch with
    the lowest monitored loss. diagnosis_ : what the run's own checks found. seed_ : the seed that random_state gave.
    covered_ : the share of tokens that have a given vector, where vectors are given.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> draw = np.random.default_rng(0)
    >>> X = [draw.normal(label, 1.0, size=(draw.integers(5, 20), 2)) for label in (0, 1) * 40]
    >>> clf = nw.sequence.SequenceClassifier("GRU(16, output='max')", epochs=20, random_state=0)
    >>> clf.fit(X, [0, 1] * 40).score(X, [0, 1] * 40) > 0.9
    True

    References
    ----------
    Graves, *Supervised sequence labelling with recurrent neural networks*, 2012.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "network": nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text"),
        "loss": CONSTRAINTS["loss"],
        "width": integer(1),
        "least": integer(1),
        "vectors": nothing | instance(str, os.PathLike, text="a path") | instance(tuple, text="(words, matrix)"),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        loss: Any = None,
        optimizer: Any = None,
        regularizer: Any = None,
        epochs: int = 30,
        batch_size: int = 32,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        width: int = 100,
        least: int = 2,
        vectors: Any = None,
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network, self.loss = network, loss
        self.optimizer = optimizer
        self.regularizer = regularizer
        self.epochs, self.batch_size = epochs, batch_size
        self.validation, self.patience = validation, patience
        self.average = average
        self.width = width
        self.least = least
        self.vectors = vectors
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each sequence, (n,).

        Parameters
        ----------
        X : sequences as in `fit`.
        """
        outputs = torch.stack(self._outputs(X))
        labels: NDArray[Any] = self._target.classes.decode(outputs, self._link)
        return labels

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probabilities of the labels, (n, k), in the order of ``classes_``.

        Parameters
        ----------
        X : sequences as in `fit`.
        """
        outputs = torch.stack(self._outputs(X))
        found: NDArray[Any] = self._target.classes.probabilities(outputs, self._link)
        return found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of sequences that are right.

        Parameters
        ----------
        X : sequences as in `fit`. y : their labels. sample_weight : (n,) numbers >= 0, or None.
        """
        found = self.predict(X)
        wanted = as_labels(targets_of(y, list(found), "score(y)"), "score(y)")
        return float(np.average(found == wanted, weights=sample_weight))

    def _read(self, X: Any, where: str) -> list[Any]:
        if hasattr(self, "_input"):
            return list(self._input.read(X, where))
        return read_sequences(X, where)

    def _encoder(self, sequences: list[Any]) -> Any:
        if kind_of(sequences) == "numbers":
            return Scaled.fit(sequences)
        vocabulary = counted(sequences, self.least)
        if self.vectors is None:
            return Words(vocabulary, self.width)
        given = self.vectors if isinstance(self.vectors, tuple) else read_vectors(self.vectors, vocabulary)
        words, vectors = given
        matrix, self.covered_ = fill(vocabulary, words, vectors, random_state=derive(self.seed_, "vectors"))
        log.info("SequenceClassifier: %.0f %% of %d tokens have a vector", 100 * self.covered_, len(vocabulary))
        self._vectors = torch.from_numpy(matrix)
        return Words(vocabulary, matrix.shape[1])

    def _read_target(self, y: Any, sequences: list[Any], known: Any) -> Any:
        listed = targets_of(y, sequences, f"{self._name}.fit(y)")
        target = known if known is not None else Labels.read(listed, f"{self._name}.fit(y)")
        self.classes_ = target.classes.public
        return target, listed

    def _examples(self, X: Any, y: Any) -> tuple[list[Any], Any]:
        return self._read(X, f"{self._name}.fit(X)"), y

    def _rule(self) -> Any:
        return Adam(0.001)

    def _body(self) -> Expression:
        return Bidirectional(LSTM(64, output="max")) >> Dropout(0.3)

    def _task(self, module: torch.nn.Module) -> Any:
        given = self.__dict__.pop("_vectors", None)
        if given is not None:
            with torch.no_grad():
                next(part for part in module.modules() if isinstance(part, torch.nn.Embedding)).weight.copy_(given)
        body, self._link = split_heads(module)
        classes = self._target.classes
        expect_outputs(self.network_, by_step=False)
        classes.expect((self.network_.output_shape,), self._link, self.network_)
        loss = value_of(self.loss, "loss") or classes.default_loss()
        classes.fit(np.empty(0), None, loss, True)

        def score(outputs: Any, target: Any, weight: Any) -> float:
            return float(classes.accuracy(outputs, target, weight, self._link))

        return body, NetworkLoss(loss, self._link, False), score


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> SequenceClassifier:
    """The classifier that a model file holds."""
    made = SequenceClassifier(**saving.params_of(content))
    target = Labels.from_state(content["target"])
    made.classes_ = target.classes.public
    restored: SequenceClassifier = saving.restore(made, target, content, tensors)
    return restored
