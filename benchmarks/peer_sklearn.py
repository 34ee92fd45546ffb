"""scikit-learn's MLPClassifier on the dense workloads a and b; it has neither convolutions nor LSTM.

    python benchmarks/peer_sklearn.py a

An epoch is a call of `partial_fit` (one pass over the shuffled rows), then the validation loss and score.
"""

from __future__ import annotations

from contender import Clock, accuracy, serve
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from workloads import HIDDEN, Workload, settings


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Fit an MLPClassifier epoch by epoch; gives the accuracy on the held-out rows."""
    if work.name not in "ab":
        raise SystemExit("scikit-learn has dense networks only")
    how = settings(work)
    model = MLPClassifier(
        hidden_layer_sizes=HIDDEN,
        alpha=0.0,
        batch_size=work.batch_size,
        learning_rate_init=how["lr"],
        beta_1=how["betas"][0],
        beta_2=how["betas"][1],
        epsilon=how["eps"],
        random_state=0,
    )
    classes = list(range(work.classes))
    clock.start()
    for _ in range(work.epochs):
        model.partial_fit(work.X, work.y, classes=classes)
        probabilities = model.predict_proba(work.X_held)
        log_loss(work.y_held, probabilities, labels=classes)
        accuracy(probabilities.argmax(1), work.y_held)
        clock.tick()
    return accuracy(model.predict(work.X_held), work.y_held)


if __name__ == "__main__":
    serve(train, ("default",), ("scikit-learn",))
