"""
Two inputs, two questions
=========================

A network may have several inputs and several outputs. Here it is given the upper and the lower half of a digit by two
entrances, and answers which digit it is and whether it is odd.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

import netwright as nw
from netwright.layers import Concat, Conv, Flatten, Input, ReLU, Softmax

# %%
# ``a | b`` puts networks side by side. When each begins with its own ``Input`` they get an input each; behind a
# common layer they get the same one. ``Concat`` joins the two branches, the last ``|`` gives the two answers.

half = Input(1, 4, 8) >> Conv(16, 3, padding="same") >> ReLU() >> Flatten()
net = (half | half) >> Concat() >> ReLU(64) >> (Softmax(10) | Softmax(2))
print(net.input_shape, net.output_shape)
nw.plots.network_svg(net)

# %%
# ``X`` is a tuple, an array an input; ``y`` has a column a question. The losses of both questions are summed.

images, digit = nw.data.load_digits()
y = np.column_stack([digit, digit % 2])
train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=digit, random_state=0)
top, bottom = images[:, :, :4], images[:, :, 4:]

clf = nw.Classifier(net, optimizer=nw.optim.Adam(2e-3), epochs=20, batch_size=32, random_state=0)
clf.fit((top[train], bottom[train]), y[train])
print((clf.predict((top[test], bottom[test])) == y[test]).mean(axis=0))

# %%
# What does each half tell? Cover one of them (0 is empty paper) and ask again.

blank = np.zeros_like(top[test])
views = {
    "both halves": (top[test], bottom[test]),
    "upper half": (top[test], blank),
    "lower half": (blank, bottom[test]),
}
right = {name: (clf.predict(view) == y[test]).mean(axis=0) for name, view in views.items()}

_, ax = plt.subplots(figsize=(6.6, 3.6), layout="constrained")
place = np.arange(len(right))
for i, question in enumerate(("which digit?", "odd or even?")):
    bars = ax.bar(place + 0.36 * (i - 0.5), [scores[i] for scores in right.values()], 0.34, label=question)
    ax.bar_label(bars, fmt="{:.0%}", padding=2)
ax.set_xticks(place, right)
ax.set(ylim=(0, 1.2), ylabel="share of test images that are right")
ax.legend(frameon=False, ncols=2, loc="upper right")
plt.show()

# %%
# With both halves nearly all images are right. With one half alone, which the network has never seen in training, a
# third to a half of the digits are still recognised, where guessing would give a tenth. The lower half tells more than
# the upper one, and about odd and even in particular: 1, 7 and 9 end in a stem, 3 and 5 in the same bow.
