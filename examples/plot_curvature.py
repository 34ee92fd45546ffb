"""
Curvature: seconds of Adam in a tenth of a second
=================================================

A small network on two thousand rows, trained by rules that know more of the loss than its slope. Their steps cost more
and go further, so the fair picture has seconds on its axis.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_friedman1

import netwright as nw
from netwright.layers import Linear, Tanh

X, y = make_friedman1(2000, n_features=8, noise=0.0, random_state=0)
X = (X - X.mean(0)) / X.std(0)
net = Tanh(20) >> Linear(1)

# %%
# Levenberg-Marquardt solves a damped least-squares problem at every step; quasi-Newton and conjugate gradients build
# up what they know from gradients; IRprop+ looks at their signs alone. All of these look at all rows at every step, so
# an epoch is one step. Adam takes one step on all rows too, or one for every 64 rows, as one usually would.

runs = {
    "Levenberg-Marquardt": (nw.optim.LevenbergMarquardt(), 40, 64),
    "quasi-Newton": (nw.optim.QuasiNewton(), 400, 64),
    "conjugate gradients": (nw.optim.ConjugateGradient(), 300, 64),
    "IRprop+": (nw.optim.IRpropPlus(0.01), 500, 64),
    "Adam, all rows": (nw.optim.Adam(0.02), 1000, len(X)),
    "Adam, batches of 64": (nw.optim.Adam(0.01), 200, 64),
}
histories = {
    name: nw.Regressor(net, optimizer=rule, epochs=epochs, batch_size=size, random_state=0).fit(X, y).history_
    for name, (rule, epochs, size) in runs.items()
}

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), sharey=True, layout="constrained")
for name, history in histories.items():
    loss = np.array(history["train_loss"])
    left.plot(np.arange(1, len(loss) + 1), loss, label=name)
    right.plot(np.cumsum(history["seconds"]), loss)
left.set(xscale="log", yscale="log", xlabel="epoch", ylabel="training loss (mean square, y of variance 1)")
right.set(xscale="log", xlabel="seconds")
fig.legend(loc="outside lower center", ncols=3, frameon=False)
for ax in (left, right):
    ax.grid(alpha=0.3)
plt.show()

# %%
# Counted in epochs, Adam on batches looks well, since its epochs have 32 steps. In seconds it begins as well as any,
# and then its noise holds it up, while the rules of curvature go on falling. The price of Levenberg-Marquardt is a
# matrix of the size of the weights squared: at some thousand weights `QuasiNewton` with its limited memory takes over,
# and at millions, or where the data come in batches, Adam.
#
# In a loop of one's own the same rules take a closure: one that returns the loss, or for Levenberg-Marquardt the
# residuals. What the rule remembers is in its state; the damping tells how far the quadratic model is to be trusted.

module = (nw.Input(8) >> net).build(seed=0)
inputs = torch.tensor(X, dtype=torch.float32)
targets = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)[:, None]
optimizer = nw.optim.LevenbergMarquardt().build(module.parameters())
for step in range(12):
    loss = optimizer.step(lambda: module(inputs) - targets)
    damping = next(iter(optimizer.state.values()))["mu"]
    print(f"step {step:2}: loss {float(loss):9.4f}, then damping {damping:.1e}")
