"""`TextClassifier`: a label for each text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from netwright.checks import Diagnosis
from netwright.core import storage
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, boolean, check_all, checks_options, integer, number, one_of, tuple_of
from netwright.data.text.tokens import tokenize
from netwright.estimators.options import NestedOptions
from netwright.graph import Expression, parallel
from netwright.layers import LSTM, Bidirectional, CausalConv, Concat, Dropout, ReLU, TimePool
from netwright.losses import maxnorm
from netwright.optim import Adam, Freeze
from netwright.sequence import saving
from netwright.sequence.classifier import SequenceClassifier
from netwright.sequence.classifier import from_content as classifier_from
from netwright.sequence.reading import read_tokens

LIMIT = 3.0  # of the norm of the weights of a unit


class TextClassifier(ClassifierMixin, NestedOptions, BaseEstimator):
    """A classifier of texts: Kim's convolutional network, a recurrent one, or a bag of word vectors.

    ::

        "cnn"   words >> (convolution over h words >> ReLU >> max over time, for each h) >> Dropout >> Softmax
        "rnn"   words >> bidirectional LSTM >> max over time >> Dropout >> Softmax
        "bag"   words >> mean over time >> Dropout >> Softmax

    A text is cut into words by `netwright.data.tokenize`; lists of tokens are taken as they are. The norm of the
    weights of a unit is at most 3 (max-norm).

    Parameters
    ----------
    model : "cnn", "rnn" or "bag".
    width : length of the vectors of words, >= 1.
    windows : how many words each convolution sees.
    maps : responses for each window; units each way of the LSTM, >= 1.
    dropout : share of what the last layer reads that is dropped while training, in [0, 1).
    embedding_dropout : share of the components of the words' vectors that is dropped while training, in [0, 1).
    vectors : vectors of words to start from: a file for `netwright.data.read_vectors`, or (words, matrix).
    static : whether given vectors stay as they are.
    lower : whether words are read in small letters.
    least : how often a word has to come in training to have a vector of its own, >= 1.
    optimizer : an update rule of `netwright.optim`; None: ``Adam(0.001)``.
    epochs : passes over the training texts, >= 1.
    batch_size : texts in an update, >= 1.
    validation : share of the texts in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss after which training stops and the best weights are put back.
    device, devices, checkpoint, resume, random_state, callbacks, verbose : as of `SequenceClassifier`.

    Attributes
    ----------
    classifier_ : the `SequenceClassifier` of tokens that does the work, with ``history_``, ``module_``, ``network_``...
    classes_ : labels, sorted, (k,). diagnosis_ : what the run's own checks found.

    Examples
    --------
    >>> import netwright as nw
    >>> X = ["a fine, moving film", "dull and far too long", "fine acting", "a dull story"] * 10
    >>> clf = nw.sequence.TextClassifier("bag", width=16, optimizer="Adam(0.02)", epochs=20, random_state=0)
    >>> clf.fit(X, [1, 0, 1, 0] * 10).predict(["a fine story, fine acting", "long and dull"])
    array([1, 0])

    References
    ----------
    Kim, *Convolutional neural networks for sentence classification*, 2014.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **{name: SequenceClassifier._constraints[name] for name in ("vectors", "least", "width", "optimizer")},
        **{name: SequenceClassifier._constraints[name] for name in ("epochs", "batch_size", "validation", "patience")},
        **{name: SequenceClassifier._constraints[name] for name in ("device", "callbacks", "verbose")},
        **{name: SequenceClassifier._constraints[name] for name in ("devices", "checkpoint", "resume")},
        "model": one_of("cnn", "rnn", "bag"),
        "windows": tuple_of(integer(1), least=1),
        "maps": integer(1),
        **dict.fromkeys(("dropout", "embedding_dropout"), number(0, 1, closed="left")),
        "static": boolean,
        "lower": boolean,
    }

    classifier_: SequenceClassifier

    @checks_options
    def __init__(
        self,
        model: str = "cnn",
        *,
        width: int = 300,
        windows: tuple[int, ...] = (3, 4, 5),
        maps: int = 100,
        dropout: float = 0.5,
        embedding_dropout: float = 0.3,
        vectors: Any = None,
        static: bool = False,
        lower: bool = True,
        least: int = 1,
        optimizer: Any = None,
        epochs: int = 10,
        batch_size: int = 50,
        validation: Any = None,
        patience: int | None = None,
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.width, self.windows = width, windows
        self.maps, self.dropout = maps, dropout
        self.embedding_dropout = embedding_dropout
        self.vectors = vectors
        self.static, self.lower = static, lower
        self.least = least
        self.optimizer = optimizer
        self.epochs, self.batch_size = epochs, batch_size
        self.validation, self.patience = validation, patience
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train the network.

        Parameters
        ----------
        X : n texts, or lists of tokens.
        y : their labels, (n,).

        Raises
        ------
        InvalidData : what is no text, with its index; targets that cannot be.
        InvalidParameter : an option that cannot be.
        """
        inner, tokens = self._inner(), self._tokens(X, "TextClassifier.fit(X)")
        before = dict(vars(self))
        self.classifier_ = inner  # before it is fitted: callbacks may ask for predictions on the way
        try:
            inner.fit(tokens, y)
        except BaseException:  # what was fitted before stays fitted, after Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels, sorted, (k,)."""
        return self._fitted().classes_

    def check(self, X: Any, y: Any, *, imbalanced: bool = False, ignore: Iterable[str] = ()) -> Diagnosis:
        """What the checks find in the training that `fit` would make of X and y; nothing is fitted.

        Parameters
        ----------
        X : n texts, or lists of tokens.
        y : their labels, (n,).
        imbalanced : whether classes of very different size are meant.
        ignore : codes of findings to leave out.

        Raises
        ------
        InvalidData, InvalidParameter : as `fit` does; InvalidParameter also for a code that does not exist.
        """
        tokens = self._tokens(X, "TextClassifier.check(X)")
        return self._inner().check(tokens, y, imbalanced=imbalanced, ignore=ignore)

    @property
    def diagnosis_(self) -> Diagnosis:
        """What the last fit's own checks found in its run; empty after loading from a file."""
        return self._fitted().diagnosis_

    def _inner(self) -> SequenceClassifier:
        """The unfitted classifier of tokens."""
        params = self.get_params(deep=False)
        check_all("TextClassifier", params, self._constraints)
        if self.static and self.vectors is None:
            remedy = "Vectors that are drawn have to be learned."
            raise InvalidParameter(problem("TextClassifier(static)", "vectors to go with it", "vectors=None", remedy))
        held = self.validation
        if isinstance(held, (tuple, list)):
            held = self._tokens(held[0], "validation"), held[1]
        names = ("epochs", "batch_size", "patience", "width", "least", "vectors", "device", "devices", "random_state")
        shared = {name: params[name] for name in (*names, "checkpoint", "resume", "callbacks", "verbose")}
        inner = SequenceClassifier(
            self._network(),
            optimizer=self._update(),
            regularizer=maxnorm(LIMIT),
            validation=held,
            **shared,
        )
        inner._called = "TextClassifier"
        return inner

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each text, (n,).

        Parameters
        ----------
        X : texts, or lists of tokens.
        """
        return self._fitted().predict(self._tokens(X, "TextClassifier.predict(X)"))

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probabilities of the labels, (n, k), in the order of ``classes_``.

        Parameters
        ----------
        X : texts, or lists of tokens.
        """
        return self._fitted().predict_proba(self._tokens(X, "TextClassifier.predict_proba(X)"))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of texts that are right.

        Parameters
        ----------
        X : texts, or lists of tokens. y : their labels. sample_weight : (n,) numbers >= 0, or None.
        """
        return self._fitted().score(self._tokens(X, "TextClassifier.score(X)"), y, sample_weight)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        inner, tensors = saving.to_content(self._fitted())
        params = saving.plain_params(self)
        storage.write(path, "TextClassifier", {"own": params, **inner}, tensors)

    def export(self, path: str | os.PathLike[str], steps: int | None = None) -> None:
        """Write it to one ONNX file that takes words, as `netwright.data.tokenize` cuts texts, and their number.

        Parameters
        ----------
        path : of the file, such as ``"texts.onnx"``; an existing one is replaced only when the new one is complete.
        steps : to how many words texts are filled up, >= 1; None: any number, which ``model="rnn"`` does not allow.
        """
        self._fitted().export(path, steps)

    def _graph(self, steps: int | None = None) -> Any:
        return self._fitted()._graph(steps)

    def _fitted(self) -> SequenceClassifier:
        check_is_fitted(self, "classifier_")
        return self.classifier_

    def _tokens(self, X: Any, where: str) -> list[list[str]]:
        return read_tokens(X, where, lambda text: tokenize(text, self.lower))

    def _network(self) -> Expression:
        """The layers between the vectors of the words and the head."""
        if self.model == "cnn":
            branches = [CausalConv(self.maps, h) >> ReLU() >> TimePool("max") for h in self.windows]
            body: Expression = parallel(*branches) >> Concat() if len(branches) > 1 else branches[0]
        elif self.model == "rnn":
            body = Bidirectional(LSTM(self.maps, output="max"))
        else:
            body = TimePool("avg")
        body = body >> Dropout(self.dropout)
        return Dropout(self.embedding_dropout) >> body if self.embedding_dropout else body

    def _rule(self) -> Any:
        return Adam(0.001)

    def _update(self) -> Any:
        """The update rule of the classifier of tokens."""
        rule = self._rule() if self.optimizer is None else self.optimizer
        if self.static and isinstance(rule, str):
            remedy = f"Write it as a value, nw.optim.{rule}."
            raise InvalidParameter(problem("TextClassifier(optimizer)", "a rule of nw.optim", shown(rule), remedy))
        return Freeze(rule, "*embedding*") if self.static else rule


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> TextClassifier:
    """The classifier that a model file holds."""
    own = saving.params_of({"params": content["own"], "seed": content["seed"]})
    made = TextClassifier(**own)
    made.classifier_ = classifier_from(kind, content, tensors)
    return made
