"""scikit-learn's callback protocol, where the installed version has it."""

import pytest
from sklearn.datasets import load_iris

import netwright as nw

callback = pytest.importorskip("sklearn.callback")


class Log:
    """A callback in scikit-learn's form that notes what it is told, and may ask to stop."""

    def __init__(self, stop_after=None):
        self.events, self.stop_after, self.scores = [], stop_after, []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(("end", context.task_name))
        self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


def test_fit_and_epochs_are_tasks():
    log = Log()
    X, y = load_iris(return_X_y=True)
    clf = nw.Classifier(epochs=3, random_state=0).set_callbacks(log).fit(X, y)
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert log.events == [("setup", "fit"), ("begin", "fit"), *epoch * 3, ("end", "fit"), ("teardown", "fit")]
    assert log.scores[-1] == clf.score(X, y)


def test_a_callback_may_stop_the_fit():
    X, y = load_iris(return_X_y=True)
    clf = nw.Classifier(epochs=50, random_state=0).set_callbacks(Log(stop_after=2)).fit(X, y)
    assert clf.n_iter_ == 2


def test_callbacks_are_taken_down_after_an_error():
    log = Log()
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="epochs"):
        nw.Classifier(epochs=0).set_callbacks(log).fit(X, y)
    with pytest.raises(ValueError, match="outputs of shape"):
        nw.Classifier("Softmax(7)").set_callbacks(log).fit(X, y)
    assert log.events == [("setup", "fit"), ("begin", "fit"), ("teardown", "fit")]


def test_scikit_learns_own_monitor():
    X, y = load_iris(return_X_y=True)
    monitor = callback.ScoringMonitor(scoring="accuracy")
    nw.Classifier(epochs=2, random_state=0).set_callbacks(monitor).fit(X, y)
    assert monitor.get_logs() is not None
