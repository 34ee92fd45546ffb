"""
How weights start, and what a deep network makes of it
======================================================

Twenty layers, no training: how large the signals are on their way forward, and the gradients on their way back, for
four ways to draw the first weights.
"""

import math

import matplotlib.pyplot as plt
import torch

import netwright as nw
from netwright.layers import HeNormal, Input, Normal, Orthogonal, ReLU, XavierNormal

# %%
# With n inputs, a unit's output has the variance of its inputs when the weights have the variance 1/n; a rectifier
# halves that, which He's rule makes up for. ``std`` of a normal that was chosen by hand fits one width at most.

DEPTH, WIDTH = 20, 256
rules = {
    "HeNormal()": HeNormal(),
    "Orthogonal(sqrt 2)": Orthogonal(math.sqrt(2)),
    "XavierNormal()": XavierNormal(),
    "Normal(std=0.12)": Normal(std=0.12),
}

X, _ = nw.data.load_digits()
images = torch.from_numpy(X).flatten(1)
images = (images - images.mean()) / images.std()


def sizes(rule):
    """Standard deviations of the outputs of each layer, and of the gradients that come back to it."""
    module = (Input(64) >> nw.repeat(ReLU(WIDTH, weight=rule), DEPTH)).build(seed=0)
    outputs, signal = [], images
    for layer in module:
        signal = layer(signal)
        signal.retain_grad()
        outputs.append(signal)
    generator = torch.Generator().manual_seed(0)
    torch.autograd.backward(signal, torch.randn(signal.shape, generator=generator))
    return [float(out.detach().std()) for out in outputs], [float(out.grad.std()) for out in outputs]


# %%
# He's rule and its orthogonal sister keep both signals at one size through all layers. Xavier's rule, made for
# activations without the kink, loses a factor of 1.4 in each layer, a thousand in twenty. A standard deviation a
# third too large explodes.

fig, axes = plt.subplots(1, 2, figsize=(9.4, 4), sharey=True, layout="constrained")
depth = range(1, DEPTH + 1)
for name, rule in rules.items():
    forward, backward = sizes(rule)
    axes[0].plot(depth, forward, ".-", label=name)
    axes[1].plot(depth, backward, ".-")
axes[0].set(yscale="log", xlabel="layer", ylabel="standard deviation", title="signals on their way forward")
axes[1].set(xlabel="layer", title="gradients on their way back (read from right to left)")
axes[0].set_xticks(range(2, DEPTH + 1, 2))
axes[1].set_xticks(range(2, DEPTH + 1, 2))
axes[0].legend(frameon=False)
plt.show()
