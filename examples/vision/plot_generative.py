"""
Making samples: two players, and a code of two numbers
======================================================

A generative adversarial network learns to make points of eight clusters that nobody showed to its generator; a
variational autoencoder learns a code of two numbers for small images of digits. Both in seconds; and how to see, in
figures, what was missed.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import netwright as nw

# %%
# The generator turns two numbers of noise into a point, the discriminator says whether a point is real. They take turns
# on the same loop that trains every other network, the discriminator at twice the rate. Samples of the same noise
# are kept from time to time, and whatever is asked about samples is written into the history.

points, centres = nw.vision.ring_of_gaussians(5000, std=0.1, random_state=0)


def good(made):
    """The share of samples within three deviations of a centre."""
    return nw.vision.mode_coverage(made, centres, std=0.1).good


gan = nw.vision.GAN(
    "ReLU(64) >> ReLU(64) >> ReLU(64) >> Linear(2)",
    "LeakyReLU(64) >> LeakyReLU(64) >> LeakyReLU(64) >> Linear(1)",
    optimizer=("Adam(cosine(0.003), betas=(0.5, 0.999))", "Adam(cosine(0.006), betas=(0.5, 0.999))"),
    callbacks=[nw.vision.MeasureSamples({"good share": good})],
    steps=600,
    batch_size=256,
    random_state=0,
).fit(points)
nw.plots.sample_frames(
    gan.samples_[::2], gan.samples_steps_[::2], real=points, figure=plt.figure(figsize=(10, 2.4), layout="constrained")
)
plt.show()

# %%
# The losses of two players do not fall to a floor: they pull at each other. Where the discriminator is right half of
# the time it cannot tell samples from points. What counts is which clusters were found, and how many samples are good.

print(nw.vision.mode_coverage(gan.sample(2000, random_state=0), centres, std=0.1))
print(gan.ending_)

figure = plt.figure(figsize=(9, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
nw.plots.game_curves(gan, figure=left)
nw.plots.sample_points(gan.sample(2000, random_state=0), points, centres, std=0.1, ax=right.subplots())
plt.show()

# %%
# A variational autoencoder has a code behind each image. Its score is a bound of the log density in nats; what a square
# of codes stands for can be looked at.

images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16
vae = nw.vision.VariationalAutoencoder(
    "Flatten() >> ReLU(64)", "ReLU(64)", latent=2, optimizer="Adam(0.005)", epochs=30, random_state=0
).fit(images[300:])
print(f"{vae.score(images[:300]):.1f} nats for digits that it has not seen")

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
nw.plots.latent_map(vae.transform(images), labels, ax=left)
side = np.linspace(-2.2, 2.2, 14)
codes = np.stack(np.meshgrid(side, -side), -1).reshape(-1, 2)
nw.plots.latent_grid(vae.inverse_transform(codes), ax=right)
plt.show()
