"""The loop against the loop that one would write, and what it promises beside."""

import random

import numpy as np
import pytest
import torch

from netwright.core.errors import DivergenceWarning, InvalidParameter
from netwright.losses import l1, l2, maxnorm
from netwright.optim import SGD, Adam, cosine, on_plateau
from netwright.train import Batches, Run, order, train

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(203, 6, generator=GENERATOR)
Y = (X[:, :3].sum(1) > 0).long() + (X[:, 3] > 1).long()


def network(seed=0, dropout=0.0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(16, 3)
        )


def objective(output, target, weight):
    return torch.nn.functional.cross_entropy(output, target)


def accuracy(output, target, weight):
    return float((output.argmax(1) == target).double().mean())


def random_states():
    numpy_state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return random.getstate(), numpy_state, torch.get_rng_state().numpy().tobytes()


def make_run(rule=None, module=None, **options):
    batches = options.pop("batches", None) or Batches((X,), Y, size=32, seed=options.get("seed", 0))
    validation = options.pop("validation", None)
    run = Run(module or network(), objective, rule or Adam(0.01), score=accuracy, **options)
    run.load(batches, validation)
    return run


def test_it_computes_what_the_loop_by_hand_computes():
    run = train(make_run(SGD(0.05, momentum=0.9, nesterov=True)), epochs=3)
    module = network()
    update = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9, nesterov=True)
    for epoch in range(3):
        losses = []
        for rows in order(0, epoch, len(X)).split(32):
            update.zero_grad()
            loss = torch.nn.functional.cross_entropy(module(X[rows]), Y[rows])
            loss.backward()
            update.step()
            losses.append((loss.item(), len(rows)))
        mean = sum(loss * n for loss, n in losses) / len(X)
        assert run.history[epoch]["train_loss"] == pytest.approx(mean, rel=1e-5)
    for a, b in zip(run.module.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_same_seed_same_bits_with_dropout_and_global_states_untouched():
    states = random_states()
    first, second, other = (
        train(make_run(module=network(dropout=0.5), seed=seed), epochs=4).flat.theta for seed in (7, 7, 8)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert random_states() == states


def test_a_run_in_two_pieces_equals_a_run_in_one():
    whole = train(make_run(module=network(dropout=0.3)), epochs=6)
    pieces = make_run(module=network(dropout=0.3))
    train(pieces, epochs=2)
    train(pieces, epochs=4)
    assert torch.equal(whole.flat.theta, pieces.flat.theta)
    assert whole.history["train_loss"] == pieces.history["train_loss"]


def test_history_has_what_it_promises():
    held = Batches((X[:50],), Y[:50])
    run = train(make_run(validation=held), epochs=3)
    record = run.history[-1]
    assert record["epoch"] == 3
    assert set(record) == {
        "epoch",
        "train_loss",
        "train_score",
        "validation_loss",
        "validation_score",
        "learning_rate",
        "update_ratio",
        "dead_units",
        "seconds",
    }
    run.module.eval()
    with torch.no_grad():
        output = run.module(X[:50])
    assert record["validation_loss"] == pytest.approx(float(objective(output, Y[:50], None)), rel=1e-6)
    assert record["validation_score"] == accuracy(output, Y[:50], None)
    assert set(record["update_ratio"]) == {"0", "3"}
    assert 1e-4 < record["update_ratio"]["0"] < 1e-1
    assert set(record["dead_units"]) == {"1"}


def test_update_ratio_of_plain_descent_is_rate_times_gradient_over_weight():
    seen = {}

    class Gradient:
        def on_gradients(self, run):
            first = {s.name: s for s in run.flat.segments}["0.weight"], {s.name: s for s in run.flat.segments}["0.bias"]
            norms = [
                sum(vector[s.start : s.stop].square().sum() for s in first).sqrt()
                for vector in (run.flat.gradient, run.flat.theta.detach())
            ]
            seen["ratio"] = 0.05 * float(norms[0] / norms[1])

    run = train(make_run(SGD(0.05)), epochs=1, callbacks=(Gradient(),))
    assert run.history[0]["update_ratio"]["0"] == pytest.approx(seen["ratio"], rel=1e-4)


def test_dead_units_are_counted():
    module = network()
    with torch.no_grad():
        module[0].weight[:4].zero_()
        module[0].bias[:4].fill_(-1.0)
    run = train(make_run(SGD(1e-6), module), epochs=1)
    assert run.history[0]["dead_units"]["1"] == pytest.approx(4 / 16)


def test_patience_stops_and_puts_the_best_weights_back():
    held = Batches((X[:60],), (Y[:60] + 1) % 3)  # labels that training makes worse
    run, seen = make_run(Adam(0.05), validation=held), []
    train(run, 50, [lambda run: seen.append(run.flat.theta.detach().clone())], patience=3)
    losses = run.history["validation_loss"]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 3
    assert run.best_epoch == best + 1
    assert torch.equal(run.flat.theta, seen[best])


def test_divergence_stops_keeps_the_best_weights_and_names_a_rate():
    class Break:
        def on_gradients(self, run):
            if run.epoch == 2 and run.batch == 1:
                run.flat.gradient.fill_(float("inf"))

    run = make_run(SGD(0.05))
    with pytest.warns(DivergenceWarning, match=r"exploded one in epoch 3 at learning rate 0\.05.*epoch 2.*0\.005"):
        train(run, epochs=10, callbacks=[Break()])
    assert run.diverged == 3
    assert torch.isfinite(run.flat.theta).all()
    assert len(run.history) == 2
    reference = train(make_run(SGD(0.05)), epochs=2)
    assert torch.equal(run.flat.theta, reference.flat.theta)


@pytest.mark.parametrize("rate", [1.2, 3.0, 30.0, 1e6])
@pytest.mark.parametrize("held", [None, Batches((X[:50],), X[:50, 0])])
def test_an_exploding_loss_is_a_divergence_long_before_it_overflows(rate, held):
    def squares(output, target, weight):
        return (output[:, 0] - target).square().mean()

    run = Run(network().double(), squares, SGD(rate))
    if held is not None:
        held = Batches((X[:50].double(),), X[:50, 0].double())
    run.load(Batches((X.double(),), X[:, 0].double(), size=32), held)
    start = run.flat.theta.detach().clone()
    with pytest.warns(DivergenceWarning, match="1000 times that of the beginning"):
        train(run, epochs=40)
    with torch.no_grad():
        assert squares(run.module(X.double()), X[:, 0].double(), None) < 10
    if run.best_epoch is None:
        assert torch.equal(run.flat.theta, start)
    assert all(loss < 1e4 for loss in run.history["train_loss"])


def test_rare_large_targets_are_no_divergence():
    def squares(output, target, weight):
        return (output[:, 0] - target).square().mean()

    target = torch.zeros(203)
    target[order(0, 0, 203)[100:104]] = 300.0  # none of them in the first batch
    run = Run(network(), squares, SGD(1e-6))
    run.load(Batches((X,), target, size=32))
    assert len(train(run, epochs=3).history) == 3


def test_a_run_with_an_average_goes_on_from_its_parameters():
    whole = train(make_run(average=0.9), epochs=6)
    pieces = make_run(average=0.9)
    train(pieces, epochs=2)
    train(pieces, epochs=4)
    assert torch.equal(whole.flat.theta, pieces.flat.theta)
    assert torch.equal(whole.raw, pieces.raw)


def test_unknown_columns_of_the_history_are_named():
    run = train(make_run(), epochs=1)
    with pytest.raises(
        InvalidParameter, match=r"history: expected a column, got 'trainloss'\. Did you mean 'train_loss'"
    ):
        run.history["trainloss"]
    assert run.history["validation_loss"] == []


def test_interruption_keeps_the_partial_model():
    class Stop:
        def on_batch_end(self, run):
            if run.epoch == 1 and run.batch == 3:
                raise KeyboardInterrupt

    run = train(make_run(), epochs=10, callbacks=(Stop(),))
    assert run.interrupted
    assert len(run.history) == 1
    assert not torch.equal(run.flat.theta, make_run().flat.theta)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_after_an_epoch_that_was_cut_a_run_goes_on_as_if_that_epoch_had_not_begun(error):
    class Cut:
        def on_batch_start(self, run):
            if run.epoch == 1 and run.batch == 0:
                raise error

    class CutLater:
        def on_batch_end(self, run):
            run.done = run.batch + 1  # as of a run that is written down within its epochs
            if run.batch == 3:
                raise error

    def cut(run, callback, epochs):
        if error is KeyboardInterrupt:
            return train(run, epochs, callbacks=[callback])
        with pytest.raises(error):
            train(run, epochs, callbacks=[callback])
        return run

    run = cut(make_run(), Cut(), epochs=2)
    whole = train(make_run(), epochs=2)
    assert train(run, epochs=1).history.records[1]["train_loss"] == whole.history.records[1]["train_loss"]
    assert torch.equal(run.flat.theta, whole.flat.theta)
    run = cut(make_run(), CutLater(), epochs=1)
    losses = []

    class Losses:
        def on_batch_end(self, run):
            losses.append(float(run.loss))

    train(run, epochs=1, callbacks=[Losses()])
    rows = [stop - start for start, stop in run.batches.bounds]
    assert len(losses) == len(rows)
    assert run.history[-1]["train_loss"] == pytest.approx(np.average(losses, weights=rows), rel=1e-6)


def test_running_average_is_the_recursion():
    thetas = []

    class Watch:
        def on_batch_end(self, run):
            thetas.append(run.flat.theta.detach().double().clone())

    start = make_run().flat.theta.detach().double()
    run = train(make_run(average=0.9), epochs=2, callbacks=(Watch(),))
    mean = start
    for t, theta in enumerate(thetas, start=1):
        decay = min(0.9, (1 + t) / (10 + t))
        mean = decay * mean + (1 - decay) * theta
    torch.testing.assert_close(run.flat.theta.double(), mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("biases", [False, True])
def test_penalties_are_those_of_the_loss_with_the_penalty_added(biases):
    rule = SGD(0.05, momentum=0.9)
    penalty = l1(0.01, biases=biases) + l2(0.1, biases=biases)
    run = train(make_run(rule, penalties=penalty.parts()), epochs=2)
    module = network()
    update = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
    counted = [p for p in module.parameters() if biases or p.ndim > 1]
    for epoch in range(2):
        for rows in order(0, epoch, len(X)).split(32):
            update.zero_grad()
            loss = torch.nn.functional.cross_entropy(module(X[rows]), Y[rows])
            total = loss + sum(0.01 * p.abs().sum() + 0.05 * p.square().sum() for p in counted)
            total.backward()
            update.step()
    for a, b in zip(run.module.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    value = sum(float(0.01 * p.detach().abs().sum() + 0.05 * p.detach().square().sum()) for p in counted)
    assert run.history[-1]["penalty"] == pytest.approx(value, rel=1e-4)


def test_maxnorm_holds_after_every_update():
    norms = []

    class Watch:
        def on_batch_end(self, run):
            norms.append(max(float(p.detach().norm(dim=1).max()) for p in run.flat.parameters if p.ndim == 2))

    train(make_run(SGD(1.0), penalties=maxnorm(0.7).parts()), epochs=2, callbacks=(Watch(),))
    assert max(norms) <= 0.7 + 1e-6
    assert max(norms) > 0.69


def test_rates_follow_the_schedule():
    rates = []

    class Watch:
        def on_batch_end(self, run):
            rates.append(run.learning_rate)

    run = train(make_run(SGD(cosine(0.1))), epochs=4, callbacks=(Watch(),))
    steps = len(bounds_of(run)) * 4
    expected = [0.05 * (1 + np.cos(np.pi * k / steps)) for k in range(steps)]
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


def bounds_of(run):
    return run.batches.bounds


def test_plateau_reads_the_monitored_loss():
    held = Batches((X[:60],), (Y[:60] + 1) % 3)
    run = train(make_run(Adam(on_plateau(0.05, factor=0.1, patience=2)), validation=held), epochs=8)
    assert run.history[-1]["learning_rate"] < 0.05


def test_events_in_their_order_and_their_closed_list():
    heard = []

    class All:
        def on_fit_start(self, run):
            heard.append("fit_start")

        def on_epoch_start(self, run):
            heard.append("epoch_start")

        def on_batch_start(self, run):
            heard.append("batch_start")

        def on_gradients(self, run):
            heard.append("gradients")

        def on_batch_end(self, run):
            heard.append("batch_end")

        def on_epoch_end(self, run):
            heard.append("epoch_end")
            run.stop = True

        def on_fit_end(self, run):
            heard.append("fit_end")

    batches = Batches((X[:64],), Y[:64], size=32)
    train(make_run(batches=batches), epochs=5, callbacks=(All(),))
    batch = ["batch_start", "gradients", "batch_end"]
    assert heard == ["fit_start", "epoch_start", *batch, *batch, "epoch_end", "fit_end"]


class Misspelt:
    def on_epoch_ends(self, run):
        pass


class Deaf:
    pass


@pytest.mark.parametrize(
    ("callback", "message"),
    [(Misspelt(), "Did you mean 'on_epoch_end'"), (Deaf(), "The events are"), (Deaf, "got <class")],
)
def test_callbacks_that_hear_nothing_are_refused(callback, message):
    with pytest.raises(InvalidParameter, match=message):
        train(make_run(), epochs=1, callbacks=(callback,))
