"""
Augmentation: what each transformation does to a digit
======================================================

A network that is to read digits wherever, however large and however slanted they are written can be shown such digits,
made from those that there are. What there is, what it does, and what it is worth when examples are few.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import torch

import netwright as nw
from netwright.data.augment import Color, Compose, Crop, Elastic, Erase, Flip, Rotate, Scale, Shear, Shift
from netwright.layers import Conv, Flatten, MaxPool, ReLU, Softmax

# %%
# Scikit-learn's digits have 8 x 8 pixels. They are enlarged to 40 x 40 here, so that more is to be seen, and lie on
# gray ground with a margin: what is black came in from outside of the image.

X, y = nw.data.load_digits()
digits = torch.nn.functional.interpolate(torch.from_numpy(X), size=40, mode="bicubic").clamp(0, 1)
paper = 0.3 + 0.7 * torch.nn.functional.pad(digits, (8, 8, 8, 8))


def show(rows, width, labelled=0.27):
    """Pictures in rows, (n, 1, height, width) each, with a name at the left of each row."""
    columns = max(map(len, rows.values()))
    cell = width * (1 - labelled) / columns
    fig, axes = plt.subplots(len(rows), columns, figsize=(width, cell * len(rows)), squeeze=False)
    fig.subplots_adjust(left=labelled, right=1, bottom=0, top=1, wspace=0.06, hspace=0.06)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(line, pictures, strict=True):
            ax.imshow(picture[0].numpy(), cmap="gray", vmin=0, vmax=1)
            ax.set_axis_off()
        line[0].text(-0.15, 0.5, name, transform=line[0].transAxes, ha="right", va="center", family="monospace")


# %%
# An augmentation is a value that is called with a batch of images and a generator; each image has draws of its own.
# Here the batch is one digit eight times. Distances are in pixels, angles in degrees. (Nobody would mirror digits in
# earnest: a transformation is right where it keeps what the label says.)

augmentations = [
    Shift(8),
    Rotate(25),
    Scale(1.4, stretch=True),
    Shear(25),
    Elastic(80, 6),
    Crop(8),
    Flip(0.5, 0.5),
    Erase(20, level=0.6),
    Color(0.5, 0.5),
]
copies = paper[3:4].expand(8, -1, -1, -1)
rows = {"the digit": copies}
for augmentation in augmentations:
    rows[repr(augmentation)] = augmentation(copies, torch.Generator().manual_seed(1))
show(rows, width=8.6)
plt.show()

# %%
# The two numbers of an elastic deformation: ``sigma`` says how far a displacement reaches, ``alpha`` how strong it is.
# With a small ``sigma`` ink is scattered, with a large one the digit is only moved and leant.

lines = torch.zeros(1, 1, 96, 96)
lines[:, :, 5::12], lines[:, :, :, 5::12] = 1, 1
sigmas = (4, 6, 8, 12)
rows = {}
for alpha in (48, 96, 192):
    bent = [Elastic(alpha, sigma, fill="border")(lines, torch.Generator().manual_seed(2)) for sigma in sigmas]
    rows[f"alpha {alpha}"] = torch.cat(bent)
show(rows, width=7, labelled=0.15)
for ax, sigma in zip(plt.gcf().axes, sigmas, strict=False):
    ax.set_title(f"sigma {sigma}", loc="center", family="monospace", size="medium")
plt.show()

# %%
# The first five of the list say where each new pixel is read in the old image. In a row they are one such map, and the
# image is read once. One after the other they would blur the image each time, and what had left it on the way would be
# lost. Both rows have the same draws.

chain = [Shift(14), Rotate(40), Scale(1.3), Shift(14)]
apart, generator = paper[:7], torch.Generator().manual_seed(5)
for warp in chain:
    apart = warp(apart, generator)
fused = Compose(*chain)(paper[:7], generator.manual_seed(5))
show({"before": paper[:7], "one by one": apart, "Compose(...)": fused}, width=7.6, labelled=0.18)
plt.show()

# %%
# What it is worth: one network, trained on the first 50, 200 and 800 digits with and without rotations and shifts, with
# as many updates each, and tested on the last 597. The option takes a value, a tuple or a text. Each batch gets new
# images while the network is trained, by the seed of the run; rows that are held out or predicted stay as they are.

net = Conv(16, 3, padding=1) >> ReLU() >> MaxPool(2) >> Conv(32, 3) >> ReLU() >> Flatten() >> ReLU(64) >> Softmax(10)
rule = nw.optim.Adam(nw.optim.cosine(4e-3))
counts = [50, 200, 800]
options = {"as they are": None, "Rotate(15), Shift(0.7)": (Rotate(15), Shift(0.7))}

fig, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
for name, augment in options.items():
    wrong = []
    for count in counts:
        epochs = 30_000 // count  # 600 updates
        clf = nw.Classifier(net, optimizer=rule, augment=augment, epochs=epochs, batch_size=50, random_state=0)
        clf.fit(X[:count], y[:count])
        wrong.append(100 - 100 * clf.score(X[1200:], y[1200:]))
    print(f"{name:23}", *(f"{share:5.1f} %" for share in wrong))
    ax.plot(counts, wrong, "o-", label=name)
ax.set(xscale="log", xlabel="digits for training", ylabel="wrong of 597 others, %", ylim=(0, 24))
ax.set_yticks(range(0, 25, 5))
ax.set_xticks(counts, counts)
ax.minorticks_off()
ax.legend(frameon=False)
plt.show()
