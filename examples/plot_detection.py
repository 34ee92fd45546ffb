"""
Objects in images: found, scored, and every mistake accounted for
=================================================================

A small YOLO learns to find squares, discs and triangles of any colour in pictures made for it, from scratch and in
seconds. Then comes what matters on pictures of your own: how good it is, and what kinds of mistakes it makes.
"""

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.data.augment import Color, Flip

NAMES = ("square", "disc", "triangle")


def scene(draw, height=96, width=128, most=7):
    """A picture with some shapes that hide little of each other, and what is in it."""
    image = draw.integers(0, 60, 3) + draw.integers(0, 25, (height, width, 3))
    boxes, labels = [], []
    for _ in range(draw.integers(2, most + 1)):
        side, kind = draw.integers(14, 40), draw.integers(3)
        x, y = draw.integers(0, width - side), draw.integers(0, height - side)
        if any(x < right and left < x + side and y < below and top < y + side for left, top, right, below in boxes):
            continue
        row, column = np.mgrid[:side, :side] - (side - 1) / 2
        inside = (
            np.ones((side, side), bool),
            row**2 + column**2 <= (side / 2) ** 2,
            np.abs(column) <= (row + side / 2) / 2,
        )[kind]
        image[y : y + side, x : x + side][inside] = draw.integers(120, 255, 3)
        boxes.append([x, y, x + side, y + side])
        labels.append(NAMES[kind])
    return image.astype(np.uint8), {"boxes": boxes, "labels": labels}


draw = np.random.default_rng(0)
images, targets = zip(*(scene(draw) for _ in range(200)), strict=True)
train, test = slice(0, 160), slice(160, 200)

# %%
# Images are arrays of uint8 or names of files; a target says boxes in pixels and labels of any kind. The anchors are
# found in the boxes. The backbone is six layers of convolutions, small enough for one core.

yolo = nw.vision.YOLO(
    nw.models.darknet(12, (1, 1, 1), stride=2, headless=True),
    size=128,
    scales=1,
    anchors=3,
    optimizer="AdamW(cosine(0.01))",
    augment=(Flip(0.5, 0), Color()),
    epochs=10,
    batch_size=10,
    random_state=0,
)
yolo.fit(images[train], targets[train])
found = yolo.predict(images[test], score_threshold=0.01)

fig, axes = plt.subplots(2, 3, figsize=(8.4, 4.4), layout="constrained")
colors = nw.vision.class_colors(NAMES)
for ax, image, there in zip(axes.flat, images[test], yolo.predict(images[test], score_threshold=0.3), strict=False):
    large = image.repeat(4, 0).repeat(4, 1)
    ax.imshow(nw.vision.draw_boxes(large, {**there, "boxes": 4 * there["boxes"]}, colors=colors))
    ax.set_axis_off()
plt.show()

# %%
# The figures are those of the COCO evaluation. A curve of precision over recall is the ranking of all detections of a
# class: how many are right among the best, until so many of the objects are found.

scores = nw.vision.mean_average_precision(found, targets[test])
print(scores)
nw.plots.precision_recall(scores, figure=plt.figure(figsize=(8.4, 3.6), layout="constrained"))
plt.show()

# %%
# And the account: each detection that is not right has a cause, and each cause a price, by which the average precision
# would rise without it. It says where work is worth while: on the places of boxes, on classes, or on what is missed.

account = nw.vision.detection_account(yolo.predict(images[test], score_threshold=0.1), targets[test])
print(account)
nw.plots.detection_faults(account, figure=plt.figure(figsize=(8.4, 3.6), layout="constrained"))
plt.show()
