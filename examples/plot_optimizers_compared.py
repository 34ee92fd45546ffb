"""
Seven update rules on one network
=================================

The same network, the same start, the same order of the rows; only the rule differs. Each has a learning rate of its
own at which it is best, and that matters more than the choice of the rule.
"""

# sphinx_gallery_thumbnail_number = 1
import warnings

import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.core.errors import DivergenceWarning
from netwright.layers import Flatten, ReLU, Softmax

X, y = nw.data.load_digits()
net = Flatten() >> ReLU(64) >> Softmax(10)

rules = {
    "SGD": lambda rate: nw.optim.SGD(rate),
    "SGD, Nesterov": lambda rate: nw.optim.SGD(rate, momentum=0.9, nesterov=True),
    "Adagrad": lambda rate: nw.optim.Adagrad(rate),
    "Adadelta": lambda rate: nw.optim.Adadelta(rate),
    "RMSprop": lambda rate: nw.optim.RMSprop(rate),
    "Adam": lambda rate: nw.optim.Adam(rate),
    "Adamax": lambda rate: nw.optim.Adamax(rate),
}


def losses(rule: nw.optim.Optimizer, epochs: int) -> np.ndarray:
    """The training loss of each epoch; infinite from the epoch on in which the run diverged."""
    clf = nw.Classifier(net, optimizer=rule, epochs=epochs, batch_size=64, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # a part of the experiment
        clf.fit(X, y)
    return np.array(clf.loss_curve_ + [np.inf] * (epochs - len(clf.loss_curve_)))


# %%
# First the learning rate: for each rule and eleven rates over five decades, the training loss in the sixth epoch.

rates = np.logspace(-3.5, 1.5, 11)
sweep = {name: np.array([losses(rule(rate), 6)[-1] for rate in rates]) for name, rule in rules.items()}

fig, ax = plt.subplots(figsize=(8.4, 4.4), layout="constrained")
for name, loss in sweep.items():
    ax.plot(rates, np.minimum(loss, 3), ".-", label=name)
ax.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="training loss in epoch 6 (3: worse, or diverged)")
fig.legend(loc="outside right upper", frameon=False)
plt.show()

# %%
# Every rule has its valley, a decade or two wide, and the valleys lie far apart: RMSprop and Adam have theirs near 0.01
# to 0.03, Adagrad and Adamax near 0.1, SGD near 0.3 to 1, Adadelta beyond. At 0.001, Adam's usual rate, SGD has hardly
# begun. Right of a valley the loss rises more steeply than left of it: rather too low than too high.
#
# Then the course of the training, each rule at its own best rate.

fig, ax = plt.subplots(figsize=(8.4, 4.4), layout="constrained")
for name, rule in rules.items():
    best = rates[sweep[name].argmin()]
    ax.plot(range(1, 21), losses(rule(best), 20), label=f"{name}({best:.2g})")
ax.set(yscale="log", xlabel="epoch", ylabel="training loss", xticks=range(2, 21, 2))
fig.legend(loc="outside right upper", frameon=False)
plt.show()

# %%
# At its own best rate every rule gets there; which one is ahead depends on the task, that each needs a rate of its own
# does not. And what was best for six epochs is not best for twenty: several lines jump up again, since the rate is too
# high to settle with. That is what :ref:`schedules <sphx_glr_gallery_plot_learning_rates.py>` are for.
