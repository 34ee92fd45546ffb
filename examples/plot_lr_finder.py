"""
Finding a learning rate in a hundred batches
============================================

A range test lets the learning rate grow from batch to batch. Where the loss falls, the network learns; where it rises,
the rate is too high.
"""

# sphinx_gallery_thumbnail_number = 1
import warnings

import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.layers import Flatten, ReLU, Softmax

X, y = nw.data.load_digits()
net = Flatten() >> ReLU(64) >> Softmax(10)
rules = [nw.optim.SGD(momentum=0.9), nw.optim.Adam(), nw.optim.RMSprop()]
models = [nw.Classifier(net, optimizer=rule, epochs=5, validation=0.2, random_state=0) for rule in rules]
tests = [nw.lr_finder(model, X, y) for model in models]

# %%
# The curves have the same form for every update rule, but their places are a factor of ten and more apart: a rate
# says nothing without its rule.

fig, axes = plt.subplots(3, 1, figsize=(7.4, 9.6), sharex=True, layout="constrained")
for ax, rule, test in zip(axes, rules, tests, strict=True):
    nw.plots.lr_finder(test, ax=ax)
    ax.set_title(
        f"{type(rule).__name__}: {ax.get_title(loc='left')[0].lower()}{ax.get_title(loc='left')[1:]}", loc="left"
    )
    ax.label_outer()
axes[0].set_xlim(right=30)
plt.show()

# %%
# Five epochs at rates from a hundredth of the suggestion to thirty times it. The loss after them is lowest near the
# suggestion, whatever the rule; a little higher and the run is lost.

factors = np.geomspace(0.01, 30, 8)
fig, ax = plt.subplots(figsize=(7.4, 4), layout="constrained")
for model, rule, test in zip(models, rules, tests, strict=True):
    losses = []
    for factor in factors:
        model.set_params(optimizer__learning_rate=float(factor * test.suggestion))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nw.core.errors.DivergenceWarning)
            model.fit(X, y)
        losses.append(min(model.history_["validation_loss"], default=np.nan))
    ax.plot(factors, losses, marker="o", label=type(rule).__name__)
ax.axvline(1, color="gray", linestyle="--")
ax.set(xscale="log", yscale="log", xlabel="learning rate / suggestion", ylabel="lowest validation loss")
ax.legend(frameon=False)
plt.show()
