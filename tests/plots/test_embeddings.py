"""Pictures of embeddings: pairs in their order, places of a map, the curve as it was counted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.decomposition import PCA

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import embedding_map, pair_scores, verification_curve
from netwright.plots.canvas import BLUE, VERMILLION
from netwright.vision.embeddings.rates.roc import roc

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(9, 6), (9, 6, 3), (1, 9, 6), (3, 9, 6)])
def test_pairs_stand_in_the_order_of_their_scores(shape: tuple[int, ...]) -> None:
    first, second = DRAW.random((2, 8, *shape))
    scores, same = DRAW.normal(size=8), np.arange(8) % 2
    axes = pair_scores(first, second, scores, same, threshold=0.0)
    order = np.argsort(-scores)
    assert len(axes) == 8
    for ax, row in zip(axes, order, strict=True):
        number, verdict = ax.get_title().split("\n")
        assert float(number) == pytest.approx(scores[row], rel=1e-2)
        accepted = scores[row] >= 0
        assert verdict == ("accepted" if accepted else "rejected") + (" !" if accepted != same[row] else "")
        assert to_hex(ax.spines["top"].get_edgecolor()).lower() == (BLUE if same[row] else VERMILLION).lower()
        picture = np.asarray(ax.images[0].get_array())
        left = first[row].transpose(1, 2, 0) if shape[0] in (1, 3) else first[row]
        np.testing.assert_allclose(picture[:, :6], left.squeeze(), rtol=1e-6)


def test_the_map_is_that_of_principal_components() -> None:
    x, labels = DRAW.normal(size=(30, 5)), ["$a", "b", "c"] * 10
    ax = embedding_map(x, labels)
    wanted = PCA(2, svd_solver="full").fit_transform(x)
    drawn = np.concatenate([np.asarray(part.get_offsets()) for part in ax.collections])
    np.testing.assert_allclose(drawn, np.concatenate([wanted[i::3] for i in range(3)]))
    assert [text.get_text() for text in ax.texts] == ["$a", "b", "c"]
    assert not embedding_map(x, range(30)).texts
    assert embedding_map(x[:, :1], labels).collections


def test_another_map() -> None:
    x = np.repeat(np.eye(3) * 20, 10, 0) + DRAW.normal(size=(30, 3)) * 0.1
    labels = np.repeat([0, 1, 2], 10)
    ax = embedding_map(x, labels, method="tsne")
    places = [np.asarray(part.get_offsets()) for part in ax.collections]
    spread = max(np.ptp(part, axis=0).max() for part in places)
    apart = min(np.linalg.norm(places[i].mean(0) - places[j].mean(0)) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert apart > spread


def test_the_curve_is_as_it_was_counted() -> None:
    same = DRAW.random(300) < 0.3
    curves = {name: roc(DRAW.normal(size=300) + gap * same, same) for name, gap in (("weak", 1), ("strong", 3))}
    ax = verification_curve(curves)
    lines = [line for line in ax.get_lines() if "EER" in str(line.get_label())]
    low = 0.5 / max(curves["weak"].different, curves["weak"].same)
    for line, (name, curve) in zip(lines, curves.items(), strict=True):
        assert str(line.get_label()) == f"{name}: EER {curve.eer:.3f}, AUC {curve.auc:.3f}"
        np.testing.assert_allclose(line.get_xdata(), np.maximum(curve.far, low))
        np.testing.assert_allclose(line.get_ydata(), np.maximum(1 - curve.tar, low))


def test_what_cannot_be_is_said() -> None:
    images = DRAW.random((3, 4, 4))
    with pytest.raises(InvalidData, match="as many first images, second images and scores, got 3, 2 and 3"):
        pair_scores(images, images[1:], [1, 2, 3])
    with pytest.raises(InvalidData, match=r"pair_scores\(first\): expected images .*, got shape \(3, 4\)"):
        pair_scores(images[0][:3], images, [1, 2, 3])
    with pytest.raises(InvalidData, match="images of one size"):
        pair_scores(images, DRAW.random((3, 5, 4)), [1, 2, 3])
    with pytest.raises(InvalidData, match=r"got \(2, 3\) and 2 labels"):
        embedding_map(np.zeros((2, 3)), [0, 1])
    with pytest.raises(InvalidParameter, match="Did you mean 'tsne'"):
        embedding_map(np.zeros((4, 3)), range(4), method="t-sne")
    with pytest.raises(InvalidParameter, match=r"what nw.vision.roc gives, got namespace\(\)"):
        verification_curve(SimpleNamespace())
