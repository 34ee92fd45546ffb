"""Changes of colour beside a transcription of their equations and beside Pillow's enhancements."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.data.augment import Color, brightened, contrasted, saturated

LUMA = np.array([0.299, 0.587, 0.114])[:, None, None]


def images(channels: int = 3, n: int = 3) -> torch.Tensor:
    return torch.rand(n, channels, 7, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def test_the_equations() -> None:
    x, f = images(), np.array([0.3, 1.0, 1.8])
    factor = torch.from_numpy(f)
    for i, image in enumerate(x.numpy()):
        gray = (LUMA * image).sum(0)
        black = 0.1 + f[i] * (image - 0.1)
        np.testing.assert_allclose(brightened(x, factor, low=0.1)[i], black, atol=1e-12)
        np.testing.assert_allclose(contrasted(x, factor)[i], gray.mean() + f[i] * (image - gray.mean()), atol=1e-12)
        np.testing.assert_allclose(saturated(x, factor)[i], gray + f[i] * (image - gray), atol=1e-12)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.6])
@pytest.mark.parametrize(
    ("change", "name"), [(brightened, "Brightness"), (contrasted, "Contrast"), (saturated, "Color")]
)
def test_pillow_does_the_same(change, name: str, factor: float) -> None:
    pillow = pytest.importorskip("PIL.Image")
    enhance = pytest.importorskip("PIL.ImageEnhance")
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    expected = np.asarray(getattr(enhance, name)(pillow.fromarray(pixels)).enhance(factor), dtype=float)
    x = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(float))
    made = change(x, factor).clamp(0, 255)[0].numpy().transpose(1, 2, 0)
    assert np.abs(made - expected).max() <= 1.5  # Pillow rounds to whole numbers, twice


def test_gray_images_have_no_saturation_to_change() -> None:
    x = images(1)
    torch.testing.assert_close(saturated(x, 0.2), x)
    torch.testing.assert_close(saturated(images(4), 0)[:, 0], images(4).mean(1))


def test_the_steps_come_in_their_order_and_are_cut() -> None:
    x = images()
    u = 2 * torch.rand(3, 3, generator=torch.Generator().manual_seed(6)).double() - 1
    made = Color(0.9, 0.8, 0.7)(x, torch.Generator().manual_seed(6))
    steps = brightened(x, 1 + 0.9 * u[:, 0]).clamp(0, 1)
    steps = contrasted(steps, 1 + 0.8 * u[:, 1]).clamp(0, 1)
    torch.testing.assert_close(made, saturated(steps, 1 + 0.7 * u[:, 2]).clamp(0, 1))
    assert Color(0, 0, 0)(x, torch.Generator()).equal(x)


def test_limits_of_images_that_are_not_scaled() -> None:
    x = 255 * images()
    made = Color(0.2, 0.2, 0.2, limits=(0, 255))(x, torch.Generator().manual_seed(0))
    torch.testing.assert_close(made / 255, Color(0.2, 0.2, 0.2)(x / 255, torch.Generator().manual_seed(0)))
    centred = Color(0.5, 0, 0, limits=(-1, 1))(2 * images() - 1, torch.Generator().manual_seed(0))
    torch.testing.assert_close((centred + 1) / 2, Color(0.5, 0, 0)(images(), torch.Generator().manual_seed(0)))


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"Color\(limits\): expected \(lowest, highest\) .* got \(1, 0\)"):
        Color(limits=(1, 0))
    with pytest.raises(InvalidParameter, match=r"Color\(contrast\): expected a number in \[0, 1\], got 1\.2"):
        Color(contrast=1.2)
