"""
Softmax, logits, and a loss that stays exact
============================================

A network that ends in ``Softmax`` is trained on what comes before it. The pictures show why, and what happens to
programs that apply the softmax twice without noticing.
"""

import matplotlib.pyplot as plt
import torch

import netwright as nw
from netwright.layers import Flatten, ReLU, Softmax
from netwright.losses import CrossEntropy

# %%
# Two classes, one logit z, the other 0, and class 0 is right. The cross-entropy is log(1 + exp(-z)). Computed from a
# softmax in single precision it ends at z = -104, where the probability rounds to zero and the loss becomes infinite;
# its gradient has been NaN from z = -89 on. From the logits both are exact for any z.

z = torch.linspace(-200, 50, 1001, requires_grad=True)
logits = torch.stack([z, torch.zeros_like(z)], dim=1)
target = torch.zeros(len(z), dtype=torch.int64)

naive = -torch.log(torch.softmax(logits, dim=1)[:, 0])
exact = CrossEntropy().terms(logits, target, link="softmax")
gradients = [torch.autograd.grad(loss.sum(), z, retain_graph=True)[0] for loss in (naive, exact)]

fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.4), layout="constrained")
for ax, pair, label, end in ((axes[0], (naive, exact), "loss", -104), (axes[1], gradients, "its gradient", -89)):
    ax.plot(z.detach(), pair[1].detach(), linewidth=4, alpha=0.45, label="from logits")
    ax.plot(z.detach(), pair[0].detach(), label="log of a softmax")
    ax.axvline(end, color="gray", linewidth=0.8, linestyle="--")
    ax.set(xlabel="logit z of the right class", ylabel=label)
axes[0].legend(frameon=False)
plt.show()

# %%
# ``split_link`` takes the last activation off a module; the loss gets its name, and ``predict_proba`` applies it again.

module = (nw.Input(64) >> ReLU(32) >> Softmax(10)).build()
body, link = nw.losses.split_link(module)
print(link, "is split off; what is trained ends in", list(body.children())[-1])

# %%
# A second softmax gives no error: probabilities are logits too, only that they differ by one at most. The network can
# never be sure, and its gradients are small from the first step on. Both runs below differ in that alone.

X, y = nw.data.load_digits()
settings = {"optimizer": nw.optim.SGD(0.1, momentum=0.9), "epochs": 25, "validation": 0.2, "random_state": 0}
once = nw.Classifier(Flatten() >> ReLU(64) >> Softmax(10), **settings).fit(X, y)
twice = nw.Classifier(Flatten() >> ReLU(64) >> Softmax(10) >> Softmax(), **settings).fit(X, y)

fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.4), layout="constrained")
for name, clf in (("one softmax", once), ("two", twice)):
    axes[0].plot(clf.history_["epoch"], clf.history_["validation_loss"], label=name)
    axes[1].plot(clf.history_["epoch"], clf.history_["validation_score"], label=name)
axes[0].set(xlabel="epoch", ylabel="validation loss", ylim=(0, 2.4))
axes[1].set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1))
axes[0].axhline(1.461, color="gray", linewidth=0.8, linestyle="--")
axes[0].text(4, 1.28, "the least that is possible with two: 1.46")
axes[0].legend(frameon=False)
plt.show()

# %%
# With two softmaxes the loss cannot fall below log(e + 9) - 1 = 1.46, whatever the network learns. The accuracy comes
# in the end, but it takes many times as long: a result that looks like a poor learning rate.
