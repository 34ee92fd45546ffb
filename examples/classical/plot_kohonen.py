"""
Sixteen colours for a picture, by competition
=============================================

In a winner-take-all layer the units compete for each row, and only the nearest learns. With pixels as rows the units
become the colours of a palette.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from netwright.classical import Kohonen

image = load_sample_image("flower.jpg")[::2, ::2] / 255
pixels = image.reshape(-1, 3)
rows = np.random.default_rng(0).permutation(pixels)[:10_000]

# %%
# The picture in its own colours and in sixteen. Below are the palettes, each colour as wide as its share of the
# picture: some are seen everywhere, some hardly at all.

layer = Kohonen(16, epochs=5, random_state=0).fit(rows)
fair = Kohonen(16, epochs=5, conscience=0.5, conscience_rate=0.002, random_state=0).fit(rows)


def palette(ax, layer):
    """The colours of a layer, by brightness, each as wide as its share of the pixels."""
    shares = np.bincount(layer.predict(pixels), minlength=16) / len(pixels)
    order = layer.weights_.sum(axis=1).argsort()
    edges = np.concatenate([[0], np.cumsum(shares[order])])
    ax.barh(0, shares[order], left=edges[:-1], color=np.clip(layer.weights_[order], 0, 1), height=1)
    ax.set(xlim=(0, 1), ylim=(-0.5, 0.5))
    ax.axis("off")


panels = {"original": None, "16 colours": layer, "16 colours, with conscience": fair}
fig, axes = plt.subplots(2, 3, figsize=(9.6, 3), layout="constrained", height_ratios=[8, 1])
for column, (name, net) in enumerate(panels.items()):
    drawn = image if net is None else np.clip(net.weights_, 0, 1)[net.predict(pixels)].reshape(image.shape)
    axes[0, column].imshow(drawn)
    axes[0, column].set_title(name, loc="left", fontsize="medium")
    axes[0, column].axis("off")
    axes[1, column].axis("off")
    if net is not None:
        palette(axes[1, column], net)
plt.show()

# %%
# How often each unit wins. With a conscience (DeSieno 1988) units that win often hold back, and the shares become
# alike: the palette then has its colours where most pixels are, not where they differ most.

fig, ax = plt.subplots(figsize=(7.4, 3.4), layout="constrained")
for net, name, colour in ((layer, "without", "#808080"), (fair, "with conscience", "#0072B2")):
    shares = np.sort(np.bincount(net.predict(pixels), minlength=16))[::-1] / len(pixels)
    error = net.transform(pixels).min(axis=1).mean()
    ax.plot(range(1, 17), shares, marker="o", color=colour, label=f"{name}: mean distance {error:.3f}")
ax.axhline(1 / 16, color="black", linewidth=0.8, linestyle=(0, (5, 3)))
ax.text(17.1, 1 / 16, "1/16", va="center")
ax.set(xlabel="unit, from the one that wins most", ylabel="share of the pixels", xlim=(0.4, 17), ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
