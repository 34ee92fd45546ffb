"""
Faces: is it the same person, and who is it
===========================================

A network learns from photographs of some people what people differ in, and is then asked about others: whether two
photographs are of the same person, and which of those enrolled somebody is, or nobody. The faces come from the folder
``NETWRIGHT_DATA``; without it, the digits that scikit-learn brings along take their place, each digit a "person".
"""

# sphinx_gallery_thumbnail_number = 2
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.layers import BatchNorm, Conv, Dropout, Flatten, MaxPool, ReLU

# %%
# The people are split, not the photographs: whom the network is tested on it has never seen.

if (Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "olivetti").is_dir():
    X, y = nw.data.load_olivetti()
    new, size, augment = y >= 30, 32, "Flip(0.5), Rotate(3), Scale(1.05), Shift(0.7)"
else:
    X, y = nw.data.load_digits()
    X, y = X[:900, 0], y[:900]
    new, size, augment = y >= 6, 16, "Rotate(8), Shift(1)"
print(f"{len(np.unique(y[~new]))} people to learn from, {len(np.unique(y[new]))} new ones")

# %%
# Few epochs, so that this page is made in seconds; the loss asks for a margin of 0.3 radians between people.


def block(channels):
    return Conv(channels, 3, padding="same", bias=False) >> BatchNorm() >> ReLU() >> MaxPool(2)


net = nw.vision.TripletNetwork(
    block(16) >> block(32) >> Flatten() >> Dropout(0.3),
    loss="arcface",
    margin=0.3,
    scale=20,
    size=size,
    augment=augment,
    epochs=5,
    random_state=0,
)
net.fit(X[~new], y[~new])
nw.plots.training_curves(net.history_)
plt.show()

# %%
# Where new people lie. What the network has not learned to ignore (glasses, a turned head) spreads them.

embeddings = net.transform(X[new])
_, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
nw.plots.embedding_map(embeddings, y[new], ax=ax)
plt.show()

# %%
# Is it the same person? All pairs of new people, one's own and others'.

i, j = np.triu_indices(len(embeddings), 1)
scores, same = net.compare(embeddings[i], embeddings[j]), y[new][i] == y[new][j]
curve = nw.vision.roc(scores, same)
print(f"equal error rate {curve.eer:.3f}, {curve.tar_at(0.01):.0%} accepted at 1 % of false accepts")
_, ax = plt.subplots(figsize=(5.8, 4.8), layout="constrained")
nw.plots.verification_curve(curve, ax=ax)
plt.show()

# %%
# The threshold is calibrated for a share of false accepts; the interval says how much of it is chance, for there are
# few people.

verifier = nw.vision.Verifier(far=0.02).fit(net, X[new], y[new])
low, high = verifier.far_interval_
print(f"accepted from {verifier.threshold_:.2f} on: {verifier.far_:.1%} of others ({low:.1%} to {high:.1%})")

# %%
# Pairs about whom the network is least sure.

unsure = np.argsort(np.abs(scores - verifier.threshold_))[:12]
images = X[new]
figure = plt.figure(figsize=(12.3, 3.6), layout="constrained")
shown = (part[unsure] for part in (images[i], images[j], scores, same))
nw.plots.pair_scores(*shown, verifier.threshold_, figure=figure)
plt.show()

# %%
# Who is it? Half of the new people are enrolled with one photograph each; the others are strangers.

people = np.unique(y[new])
enrolled = people[::2]
first = np.array([np.flatnonzero(new & (y == person))[0] for person in enrolled])
others = np.setdiff1d(np.flatnonzero(new), first)
recognizer = nw.vision.Recognizer(net).enrol(X[first], y[first])
rates = recognizer.calibrate(X[others], y[others], far=0.1)
print(f"named rightly {rates.dir:.0%}, strangers who get a name {rates.far:.0%}")
