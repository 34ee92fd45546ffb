"""
Ensembles: what several networks know together
==============================================

Ten networks on one table: where they disagree, how sure they are, and one network that learns from them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

import netwright as nw
from netwright.layers import ReLU, Softmax

# %%
# Two interleaved half circles, 100 points, and ten networks that differ by their first weights alone. They are trained
# as one batched network, which takes about twice the time of one.

X, y = make_moons(100, noise=0.2, random_state=0)
X_test, y_test = make_moons(2000, noise=0.2, random_state=1)
clf = nw.Classifier(ReLU(32) >> ReLU(32) >> Softmax(2), optimizer=nw.optim.Adam(0.01), epochs=60, random_state=0)
ensemble = nw.Ensemble(clf, n_estimators=10).fit(X, y)

# %%
# The uncertainty of an answer is the sum of two parts. Noise in the data: on the border between the classes every
# member is unsure. Disagreement: far from all points each member goes on with the border in its own way. One network
# tells only the first.

side = np.linspace(-3.5, 4.5, 160), np.linspace(-3, 3.5, 130)
grid = np.stack(np.meshgrid(*side), axis=-1).reshape(-1, 2)
found = ensemble.uncertainty(grid)
parts = {"noise (aleatoric)": found.aleatoric, "disagreement (epistemic)": found.epistemic}
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.9), sharex=True, sharey=True, layout="constrained")
for ax, (name, values) in zip(axes, parts.items(), strict=True):
    image = ax.contourf(*side, values.reshape(130, 160), levels=np.linspace(0, np.log(2), 15), cmap="magma_r")
    ax.scatter(*X.T, c=y, cmap="coolwarm", s=16, edgecolors="white", linewidths=0.5)
    ax.set_title(name, fontsize="medium")
    ax.set(xticks=[], yticks=[])
fig.colorbar(image, ax=axes, label="entropy (nats)", ticks=[0, 0.2, 0.4, 0.6])
plt.show()

# %%
# Numbers: five networks that give a mean and a variance. The band is two standard deviations of their mixture. It is
# narrow where points are many and near to each other, wide where they scatter, and it opens where there are none.

rng = np.random.default_rng(0)
x = np.sort(np.concatenate([rng.uniform(-4, -1, 60), rng.uniform(1, 4, 60)]))[:, None]
target = np.sin(1.5 * x[:, 0]) + np.where(x[:, 0] > 0, 0.25, 0.05) * rng.normal(size=120)
member = nw.MixtureDensityRegressor(
    ReLU(40) >> ReLU(40), components=1, optimizer=nw.optim.Adam(0.01), epochs=80, batch_size=20
)
deep = nw.Ensemble(member, 5, random_state=0).fit(x, target)

line = np.linspace(-6, 6, 300)[:, None]
mean, deviation = deep.predict(line, return_std=True)
fig, ax = plt.subplots(figsize=(9.6, 3.6), layout="constrained")
ax.fill_between(line[:, 0], mean - 2 * deviation, mean + 2 * deviation, alpha=0.2, linewidth=0, label="±2 deviations")
for one in deep.estimators_:
    ax.plot(line[:, 0], one.predict(line), color="C0", alpha=0.35, linewidth=0.8)
ax.plot(line[:, 0], mean, color="C0", linewidth=2, label="mean of five networks")
ax.scatter(x[:, 0], target, s=10, color="k", zorder=3, label="training rows")
ax.set(xlabel="x", ylabel="y", ylim=(-3, 3))
ax.legend(frameon=False, ncols=3, loc="upper center")
plt.show()

# %%
# Probabilities that mean what they say. A single network that is trained for long on noisy images is surer than it is
# right. A temperature, fitted on rows that it has not seen, mends that without changing an answer. The ensemble is less
# sure of itself from the beginning.

images, labels = nw.data.load_digits()
order = rng.permutation(len(images))  # its rows go from writer to writer
images, labels = images[order].reshape(len(images), -1), labels[order]
images = images + 0.3 * rng.normal(size=(len(images), 64))
train, held, test = slice(0, 400), slice(400, 800), slice(800, None)
digits = nw.Classifier(ReLU(32) >> Softmax(10), optimizer=nw.optim.Adam(0.01), epochs=40, random_state=0)
one = digits.fit(images[train], labels[train])
scaled = nw.calibrate(one, images[held], labels[held])
ten = nw.Ensemble(digits, 10).fit(images[train], labels[train])
models = {"one network": one, f"at temperature {scaled.temperature_:.1f}": scaled, "ten networks": ten}
fig = plt.figure(figsize=(5.6, 5.8), layout="constrained")
nw.plots.calibration(
    labels[test], {name: m.predict_proba(images[test]) for name, m in models.items()}, bins=10, figure=fig
)
plt.show()

# %%
# Back to one network: a student of the same size learns what the ten say, of the training images and of noisier copies
# that need no labels.

copies = images[train] + 0.1 * rng.normal(size=(8, 400, 64))
shown = np.concatenate([images[train], *copies])
student = nw.distill(ten, nw.Classifier(**{**digits.get_params(deep=False), "epochs": 15}), shown, temperature=2.0)
scores = {
    "one of\nten": np.mean([m.score(images[test], labels[test]) for m in ten.estimators_]),
    "student": student.score(images[test], labels[test]),
    "ten\nnetworks": ten.score(images[test], labels[test]),
}
fig, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
ax.bar(list(scores), list(scores.values()), color=["C7", "C1", "C0"], width=0.6)
ax.bar_label(ax.containers[0], fmt="%.3f")
ax.set(ylabel="share of new images that are right", ylim=(min(scores.values()) - 0.03, max(scores.values()) + 0.01))
plt.show()
