"""
Super-resolution: an image twice as large
=========================================

Interpolation enlarges an image without knowing what images look like. A network that was shown small images beside
their large ones adds what interpolation leaves out. Two ways up are compared: a sub-pixel convolution, which makes four
channels of the small image and lays them out as places (Shi et al. 2016), and a transposed convolution.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_sample_image

import netwright as nw
from netwright.layers import Add, Conv, ConvTranspose, Input, Normal, PixelShuffle, ReLU, Upsample

R, SIDE = 2, 16  # the factor; places of a small patch
TEST = slice(210, 420)  # columns that no network sees in training

# %%
# The brightness of one photograph: the eye is less exact about colour. The small image has the means of 2 x 2 pixels.
# The networks learn from patches of its left and its right third; the middle is for the test.


def pair(part):
    """A part (height, width) as the large image, and the small one."""
    height, width = (size // R for size in part.shape)
    large = part[: R * height, : R * width]
    return large[None], large.reshape(height, R, width, R).mean((1, 3))[None]


def patches(image, side):
    """Patches (n, 1, side, side) of an image; neighbours share one half."""
    return image.unfold(1, side, side // 2).unfold(2, side, side // 2).flatten(1, 2).transpose(0, 1)


image = torch.tensor(load_sample_image("china.jpg"), dtype=torch.float32) @ torch.tensor([0.299, 0.587, 0.114]) / 255
sides = [pair(image[:, : TEST.start]), pair(image[:, TEST.stop :])]
large = torch.cat([patches(each, R * SIDE) for each, _ in sides])
small = torch.cat([patches(each, SIDE) for _, each in sides])
true, low = pair(image[:, TEST])

# %%
# The network is what interpolation gives plus what the layers add, little at first. Its layers know no size, so the
# same weights serve patches and whole images.

features = Conv(16, 5, padding="same") >> ReLU() >> Conv(12, 3, padding="same") >> ReLU()
ways = {
    "sub-pixel": Conv(R * R, 3, padding="same", weight=Normal(0, 0.01)) >> PixelShuffle(R),
    "transposed": ConvTranspose(1, 6, stride=R, padding=2, weight=Normal(0, 0.01)),
}
networks = {
    name: Input(1, SIDE, SIDE) >> (features >> way | Upsample(R, "bicubic")) >> Add() for name, way in ways.items()
}
print(networks["sub-pixel"].summary())

# %%
# A loop of one's own, under the eyes of ``nw.watch``.

EPOCHS, BATCH = 5, 8
steps = EPOCHS * -(-len(small) // BATCH)
loss_of = torch.nn.MSELoss()
modules, found = {}, {}
for name, network in networks.items():
    module = modules[name] = network.build(seed=0)
    optimizer = torch.optim.Adam(module.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    with nw.watch(module, optimizer, loss_of) as watch:
        for epoch in range(EPOCHS):
            for rows in nw.train.order(seed=0, epoch=epoch, n=len(small)).split(BATCH):
                optimizer.zero_grad()
                loss_of(module(small[rows]), large[rows]).backward()
                optimizer.step()
                schedule.step()
    found[name] = watch.diagnosis
    module.eval()

# %%
# Peak signal-to-noise ratio of the part that no network has seen, in decibels: more is better, and half a decibel can
# be seen. Where it comes from can be seen, too: edges that interpolation leaves as stairs are lines again.


def psnr(told):
    """-10 log10 of the mean squared error, without the borders."""
    return -10 * (told - true)[..., 4:-4, 4:-4].square().mean().log10().item()


modules = {"bicubic interpolation": (Input(1, SIDE, SIDE) >> Upsample(R, "bicubic")).build(), **modules}
with torch.inference_mode():
    told = {name: module(low[None])[0].clamp(0, 1) for name, module in modules.items()}

rows, columns = slice(96, 176), slice(60, 140)
shown = {f"{name}, {psnr(each):.1f} dB": each for name, each in told.items()} | {"the large image": true}
fig, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for ax, (title, picture) in zip(axes, shown.items(), strict=True):
    ax.imshow(picture[0, rows, columns].numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, loc="left", fontsize="small")
    ax.set_axis_off()
plt.show()

# %%
# What the watch says of both loops:

for name, diagnosis in found.items():
    print(f"{name}: {diagnosis}")
