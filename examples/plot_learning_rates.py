"""
Learning-rate schedules and what they do
========================================

A schedule stands where the learning rate would. It is a pure function of the epoch, so that it can be drawn before it
is used.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.layers import Flatten, ReLU, Softmax
from netwright.optim import cosine, exponential_decay, halving, inverse_time_decay, polynomial_decay, step_decay, warmup

TOTAL = 30
schedules = [
    step_decay(0.1, every=10),
    halving(0.1, every=5),
    exponential_decay(0.1, 0.1),
    inverse_time_decay(0.1, 0.3),
    polynomial_decay(0.1, power=2),
    cosine(0.1),
    warmup(cosine(0.1), epochs=3),
]

# %%
# All of them begin at 0.1, but for the one with a warm-up, which rises to it. Steps hold a rate for whole epochs, the
# others change with every update.

epochs = np.linspace(0, TOTAL, 601)
fig, axes = plt.subplots(2, 4, figsize=(9.4, 3.8), sharex=True, sharey=True, layout="constrained")
for ax, schedule in zip(axes.flat, schedules, strict=False):
    ax.plot(epochs, [schedule.rate(epoch, TOTAL) for epoch in epochs])
    ax.set_title(repr(schedule), fontsize="small")
axes.flat[-1].set_axis_off()
fig.supxlabel("epoch")
fig.supylabel("learning rate")
plt.show()

# %%
# A constant rate that is high gets near a minimum fast and then jumps about it. One that is low arrives late. A rate
# that falls has both: it explores first and settles then.

X, y = nw.data.load_digits()
net = Flatten() >> ReLU(64) >> Softmax(10)
compared = {
    "constant 0.3": 0.3,
    "constant 0.01": 0.01,
    "cosine from 0.3": cosine(0.3),
    "plateau from 0.3": nw.optim.on_plateau(0.3, factor=0.3, patience=1),
}
fits = {
    name: nw.Classifier(
        net,
        optimizer=nw.optim.SGD(rate, momentum=0.9, nesterov=True),
        regularizer=nw.l2(1e-3),
        epochs=TOTAL,
        batch_size=32,
        validation=0.25,
        random_state=0,
    ).fit(X, y)
    for name, rate in compared.items()
}

# %%
# The high rate stays noisy to the end, the low one still falls when the run is over. Cosine and plateau follow the
# high rate at first and end lower than either. ``on_plateau`` waits for the validation loss: its rate falls when the
# loss has not improved for two epochs.

fig, axes = plt.subplots(2, 1, figsize=(7.4, 5.6), sharex=True, height_ratios=(3, 1.4), layout="constrained")
for name, clf in fits.items():
    epoch = clf.history_["epoch"]
    axes[0].plot(epoch, clf.history_["validation_loss"], label=name)
    axes[1].plot(epoch, clf.history_["learning_rate"], drawstyle="steps-mid")
axes[0].set(yscale="log", ylabel="validation loss")
axes[0].legend(frameon=False)
axes[1].set(yscale="log", ylim=(1e-4, 1), xlabel="epoch", ylabel="learning rate")
plt.show()
