"""Pictures of generative networks: the points and pixels are those of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidData
from netwright.plots import game_curves, latent_grid, latent_map, sample_frames, sample_points

DRAW = np.random.default_rng(0)


def points_of(ax: Any, place: int) -> Any:
    return np.asarray(ax.collections[place].get_offsets())


def test_frames_of_points_are_the_points_in_one_scale() -> None:
    frames, real = DRAW.normal(size=(7, 30, 2)), DRAW.normal(size=(50, 2))
    axes = sample_frames(frames, steps=range(0, 700, 100), real=real)
    assert len(axes) == 7
    for ax, frame in zip(axes, frames, strict=True):
        np.testing.assert_allclose(points_of(ax, 0), real)
        np.testing.assert_allclose(points_of(ax, 1), frame)
        assert ax.get_xlim() == axes[0].get_xlim()
    assert axes[-1].get_title() == "step 600"


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (3, 4, 4), (4, 4, 1)])
def test_frames_of_images_are_mosaics(shape: tuple[int, ...]) -> None:
    frames = DRAW.integers(0, 256, (2, 9, *shape), dtype=np.uint8)
    axes = sample_frames(frames, tiles=4)
    shown = np.asarray(axes[1].images[0].get_array())
    assert shown.shape[:2] == (9, 9)  # 2 x 2 tiles of 4 pixels and one between them
    corner = frames[1, 0].reshape(shape)
    expected = corner[0, 0, 0] if shape == (3, 4, 4) else np.ravel(corner[0, 0])[0]
    assert np.ravel(shown[0, 0])[0] == pytest.approx(expected / 255)


def test_a_game_is_drawn_as_its_columns_and_what_was_measured_beside() -> None:
    rng = np.random.default_rng(1)
    names = ("generator_loss", "discriminator_loss", "discriminator_accuracy", "gradient_penalty", "modes")
    columns = {name: rng.random(5) for name in names}
    records = [{"epoch": i + 1, "train_loss": 0.5, **{n: float(columns[n][i]) for n in names}} for i in range(5)]
    for record in records[1::2]:
        del record["modes"]  # measured every other time
    axes = game_curves(records)
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy", "penalty", "modes"]
    drawn = [line for ax in axes for line in ax.lines if len(line.get_xdata()) > 2]
    for line, name in zip(drawn, names, strict=True):
        np.testing.assert_allclose(line.get_ydata(), columns[name][:: 2 if name == "modes" else 1])
    assert axes[-1].lines[0].get_xdata().tolist() == [1, 3, 5]
    without = [{**record, "gradient_penalty": 0.0} for record in records]
    assert len(game_curves(without)) == 3
    with pytest.raises(InvalidData, match="records of a GAN, with generator_loss, got only"):
        game_curves([{"train_loss": 1.0}])


def test_circles_stand_round_the_centres() -> None:
    centres = np.array([[0.0, 1.0], [2.0, 3.0]])
    ax = sample_points(DRAW.normal(size=(20, 2)), centres=centres, std=0.1)
    assert [patch.get_radius() for patch in ax.patches] == pytest.approx([0.3, 0.3])
    np.testing.assert_allclose([patch.get_center() for patch in ax.patches], centres)


def test_long_codes_are_seen_along_their_principal_directions() -> None:
    codes = DRAW.normal(size=(200, 3)) * (0.1, 5.0, 1.0)
    ax = latent_map(codes)
    assert points_of(ax, 0).std(0) == pytest.approx(np.sort(codes.std(0))[::-1][:2], rel=0.05)
    assert ax.get_xlabel() == "direction 1"
    assert latent_map(codes[:, :2]).get_xlabel() == "code 1"
    names = [text.get_text() for text in latent_map(codes, np.arange(200) % 14).get_legend().get_texts()]
    assert names == [str(number) for number in range(14)]


def test_a_grid_goes_row_by_row() -> None:
    images = DRAW.random((6, 5, 4))
    shown = np.asarray(latent_grid(images, columns=3).images[0].get_array())
    assert shown.shape == (11, 14)
    np.testing.assert_allclose(shown[6:, 10:], images[5])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InvalidData, match=r"sample_frames\(frames\): expected"):
        sample_frames(np.zeros((3, 4)))
    with pytest.raises(InvalidData, match="2, one a moment"):
        sample_frames(np.zeros((2, 5, 2)), steps=[1])
    with pytest.raises(InvalidData, match=r"sample_points\(samples\): expected points \(n, 2\)"):
        sample_points(np.zeros((3, 4)))
    with pytest.raises(InvalidData, match="d >= 2"):
        latent_map(np.zeros((3, 1)))
    with pytest.raises(InvalidData, match="3 labels"):
        latent_map(np.zeros((3, 2)), [1, 2])
