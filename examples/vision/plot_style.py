"""
Style transfer: a photograph painted like another picture
=========================================================

A picture is made whose content is that of one image and whose style is that of another. Nothing is trained and nothing
is downloaded: a layer of filters measures both, and the pixels of the picture are what is optimised (Gatys, Ecker and
Bethge 2016; filters in the place of a trained network: Ustyuzhaninov et al. 2016).
"""

# sphinx_gallery_thumbnail_number = 1
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

import netwright as nw

# %%
# The images are paintings and photographs of the folder that ``NETWRIGHT_DATA`` names, or scikit-learn's sample images
# where there is none.

folder = Path(os.environ.get("NETWRIGHT_DATA", "")) / "images"
if (folder / "starry_night.jpg").is_file():
    content, style = (nw.data.read_image(folder / name) for name in ("shipwreck.jpg", "starry_night.jpg"))
else:
    content, style = load_sample_image("china.jpg"), load_sample_image("flower.jpg")

# %%
# ``StyleTransfer`` is called with both. It works from coarse to fine. Here it is kept small, so that it takes seconds;
# 256 pixels, 128 filters and 60 steps at each size, the defaults, take about a minute and paint finer strokes.

transfer = nw.vision.StyleTransfer(nw.vision.ShallowEncoder(64, window=7), size=144, steps=18, levels=2, random_state=0)
pictures = transfer(content, style, every=6)

fig, axes = plt.subplots(1, 3, figsize=(9, 2.7), layout="constrained")
for ax, title, shown in zip(axes, ("content", "style", "picture"), (content, style, pictures[-1]), strict=True):
    ax.imshow(shown, aspect="auto", interpolation="bicubic")
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set_axis_off()
plt.show()

# %%
# Pictures on the way (``every=6``), and the cost: with L-BFGS it never rises. Where it jumps a finer level begins.

fig, axes = plt.subplots(1, 4, figsize=(9, 2.1), layout="constrained", width_ratios=(3, 3, 3, 4))
for ax, step in zip(axes, (0, 2, 5), strict=False):
    ax.imshow(pictures[step], interpolation="bicubic")
    ax.set_title(f"after {6 * (step + 1)} steps", loc="left", fontsize="small")
    ax.set_axis_off()
begin = 0
for losses, (height, width) in zip(transfer.losses_, transfer.sizes_, strict=True):
    axes[3].semilogy(np.arange(begin, begin + len(losses)), losses, label=f"{width} x {height}")
    begin += len(losses) - 1
axes[3].set(xlabel="step", ylabel="cost J")
axes[3].legend(frameon=False, fontsize="small")
plt.show()

# %%
# ``alpha`` is the weight of the content: more of it keeps more of the photograph. Colours can stay those of the
# photograph, too: with ``"luminance"`` only brightness is painted.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
options = {"alpha = 1": {"alpha": 1.0}, "colours kept": {"alpha": 0.03, "keep_colors": "luminance"}}
for ax, (title, changed) in zip(axes, options.items(), strict=True):
    transfer.set_params(size=112, steps=12, **changed)
    ax.imshow(transfer(content, style), interpolation="bicubic")
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set_axis_off()
plt.show()
