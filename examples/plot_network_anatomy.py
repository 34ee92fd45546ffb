"""
The anatomy of a network before it is trained
=============================================

What a network has in each layer, what it costs, and how much of the image one number of each layer sees: all of it
follows from the expression, before any weight exists.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle

import netwright as nw
from netwright.layers import Add, AvgPool, BatchNorm, Conv, GlobalPool, Identity, Input, ReLU, Softmax

# %%
# A small residual network. ``a | b`` gives the same input to both branches, ``Add`` merges them, ``repeat`` chains
# copies with weights of their own.

block = (Identity() | Conv(16, 3, padding="same") >> BatchNorm() >> ReLU() >> Conv(16, 3, padding="same")) >> Add()
net = (
    Input(1, 32, 32)
    >> Conv(16, 3, padding="same")
    >> ReLU()
    >> nw.repeat(block, 2)
    >> AvgPool(2)
    >> Conv(32, 3, dilation=2)
    >> ReLU()
    >> GlobalPool("avg")
    >> Softmax(10)
)
print(net.summary())

# %%
# The same as a picture. Blue boxes have parameters, orange ones merge, the line beside a block is its identity branch.

nw.plots.network_svg(net)

# %%
# The receptive field can be checked by experiment: build the network with all weights positive, take the gradient of
# one number in the middle of a layer with respect to the image, and see where it is not zero.

module = net.build(seed=0).eval()
with torch.no_grad():
    for weight in module.parameters():
        weight.abs_()


def seen_by(path: str) -> np.ndarray:
    """The gradient of the middle of a layer's output with respect to the image."""
    kept = {}
    handle = module.get_submodule(path).register_forward_hook(lambda part, args, output: kept.update(output=output))
    image = torch.ones(1, 1, 32, 32, requires_grad=True)
    module(image)
    handle.remove()
    output = kept["output"]
    (gradient,) = torch.autograd.grad(output[0, 0, output.shape[2] // 2, output.shape[3] // 2], image)
    return gradient[0, 0].numpy()


rows = {row.path: row for row in net.summary().rows}
paths = ("conv1", "add1", "add2", "conv2")
fig, axes = plt.subplots(1, len(paths), figsize=(8.4, 2.5), layout="constrained")
for ax, path in zip(axes, paths, strict=True):
    gradient = seen_by(path)
    ax.imshow(np.log10(np.maximum(gradient, gradient.max() * 1e-6)), cmap="Blues")
    y, x = np.nonzero(gradient)
    ax.add_patch(
        Rectangle(
            (x.min() - 0.5, y.min() - 0.5), np.ptp(x) + 1, np.ptp(y) + 1, fill=False, edgecolor="#D55E00", linewidth=2
        )
    )
    size = " x ".join(map(str, rows[path].receptive_field))
    ax.set_title(f"{path}: {size}", fontsize="medium")
    ax.set_axis_off()
    assert (np.ptp(y) + 1, np.ptp(x) + 1) == rows[path].receptive_field
plt.show()

# %%
# The frame is the smallest square that holds the gradient, the title the receptive field of the summary: they agree,
# through branches and dilation. Inside the square the gradient falls off towards the edges, as there are fewer
# paths from there: the *effective* field is smaller than the theoretical one.
