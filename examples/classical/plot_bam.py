"""
Two sides of a pair: bidirectional associative memory
=====================================================

A BAM stores pairs. Given one side, even a damaged one, it answers with the other side, looks back at the first, and
goes to and fro until both agree.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np

from netwright.classical import BAM
from netwright.plots import recall_strip

CAPITAL = """
##...##  #######  #######
###..##  ##.....  ...#...
###..##  ##.....  ...#...
####.##  ##.....  ...#...
##.#.##  #####..  ...#...
##.####  ##.....  ...#...
##..###  ##.....  ...#...
##..###  ##.....  ...#...
##...##  #######  ...#...
"""
SMALL = """
......  ......  .##...
......  ......  .##...
#####.  .####.  ######
##..##  ##..##  .##...
##..##  ##..##  .##...
##..##  ######  .##...
##..##  ##....  .##...
##..##  ##....  .##.##
##..##  .#####  ..###.
"""


def drawn(text, width):
    """Letters that stand side by side as rows of bits."""
    lines = text.split("\n")[1:-1]
    starts = range(0, len(lines[0]), width + 2)
    return np.array([[mark == "#" for line in lines for mark in line[k : k + width]] for k in starts], dtype=int)


X, Y = drawn(CAPITAL, 7), drawn(SMALL, 6)

# %%
# Three capitals of 63 bits are paired with small letters of 54 bits. Every eighth bit of one side is turned, and the
# memory finds the other side; it works both ways with the same weights. Three is about what it holds: letters resemble
# each other, and even of random pairs no more than six would be safe.

memory = BAM().fit(X, Y)
rng = np.random.default_rng(3)
X_noisy = np.where(rng.random(X.shape) < 1 / 8, 1 - X, X)
Y_noisy = np.where(rng.random(Y.shape) < 1 / 8, 1 - Y, Y)
there = {"capital": X, "noisy": X_noisy, "small": Y, "recalled": memory.predict(X_noisy)}
back = {"small": Y, "noisy": Y_noisy, "capital": X, "recalled": memory.predict_input(Y_noisy)}
fig, axes = plt.subplots(1, 2, figsize=(8, 5.4), layout="compressed")
for ax, stages in zip(axes, (there, back), strict=True):
    recall_strip({name: bits.reshape(3, 9, -1) for name, bits in stages.items()}, ax=ax)
plt.show()

# %%
# Going to and fro is what mends. Random pairs of 512 and 256 bits are stored, a tenth of the bits of one side is
# turned, and a pair counts where no bit of the other side is wrong: after one pass, and when nothing changes any more.
# The dashed line is where all bits of both sides are expected to come out right, m / (2 ln n) pairs.

counts = np.arange(5, 101, 5)
settled, one_pass = [], []
for count in counts:
    right = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        A, B = rng.integers(0, 2, (count, 512)), rng.integers(0, 2, (count, 256))
        network = BAM(check_capacity=False).fit(A, B)
        A_noisy = np.where(rng.random(A.shape) < 0.1, 1 - A, A)
        answers = [network.set_params(max_iter=most).predict(A_noisy) for most in (100, 1)]
        right.append([(answer == B).all(axis=1).mean() for answer in answers])
    settled.append(np.mean(right, axis=0)[0])
    one_pass.append(np.mean(right, axis=0)[1])

fig, ax = plt.subplots(figsize=(7.4, 4.2), layout="constrained")
ax.plot(counts, settled, marker="o", markersize=4, color="#0072B2", label="until nothing changes")
ax.plot(counts, one_pass, marker="o", markersize=4, color="#D55E00", label="one pass")
limit = 256 / (2 * np.log(512))
ax.axvline(limit, color="gray", linewidth=1, linestyle="--")
ax.annotate(
    "m / (2 ln n)", (limit, 0.3), xytext=(3, 0), textcoords="offset points", rotation=90, va="center", color="gray"
)
ax.set(xlabel="pairs stored", ylabel="share recalled exactly", ylim=(-0.03, 1.03))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
