"""What holds for every augmentation, found by the registry: a value, seeded, out of place, image by image."""

from __future__ import annotations

import json

import pytest
import torch

from netwright.core import registry
from netwright.core.value import from_json, to_json
from netwright.data import augment
from netwright.data.augment import (
    Augmentation,
    Color,
    Compose,
    Crop,
    Elastic,
    Erase,
    Flip,
    Rotate,
    Scale,
    Shear,
    Shift,
    Warp,
    Zoom,
)
from netwright.graph import parse_value

# Every class of the family has at least one entry; options that change what is computed have one each.
EXAMPLES: list[Augmentation] = [
    Color(),
    Color(0.5, 0.0, 0.3),
    Color(limits=(0, 1.5)),
    Compose(Rotate(10), Shift(2)),
    Compose(Flip(), Elastic(20, 2), Rotate(10), Color(), Erase(2)),
    Crop(),
    Crop(2, fill="border"),
    Crop(9, fill="reflection"),
    Elastic(),
    Elastic(20, 2, fill="reflection"),
    Erase(),
    Erase(3, level=0.5, probability=0.7),
    Flip(),
    Flip(0.2, 0.5),
    Rotate(),
    Rotate(180, fill="border"),
    Scale(),
    Scale(1.5, stretch=True, fill="reflection"),
    Shear(),
    Shear(45, fill="border"),
    Shift(),
    Shift((0, 3), fill="reflection"),
    Zoom(),
    Zoom(1.1, 3, aspect=1, fill="border"),
]
every = pytest.mark.parametrize("augmentation", EXAMPLES, ids=repr)
SHAPES = [(5, 1, 9, 9), (5, 3, 8, 12), (5, 2, 1, 7), (1, 3, 16, 5)]


def batch(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(9)).to(dtype)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_augmentation_has_an_example() -> None:
    public = {name for name in augment.__all__ if name in registry.names("augmentation")}
    ours = {
        name
        for name in registry.names("augmentation")
        if registry.look_up("augmentation", name).__module__.startswith("netwright.data.")
    }
    assert ours == public == {type(example).__name__ for example in EXAMPLES}


def test_names_mean_one_thing_in_a_text() -> None:
    others = [family for family in registry.families() if family != "augmentation"]
    assert not set(registry.names("augmentation")) & {name for family in others for name in registry.names(family)}


@every
def test_it_is_a_value(augmentation: Augmentation) -> None:
    assert isinstance(augmentation, Augmentation)
    assert from_json(json.loads(json.dumps(to_json(augmentation)))) == augmentation
    made = parse_value(repr(augmentation))
    assert made == augmentation
    assert hash(made) == hash(augmentation)
    assert repr(made) == repr(augmentation)


@every
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_and_range_are_kept(augmentation: Augmentation, shape: tuple[int, ...]) -> None:
    x = batch(*shape)
    y = augmentation(x, seeded())
    assert y.shape == x.shape
    assert y.isfinite().all()
    low, high = augmentation.limits if isinstance(augmentation, Color) else (0.0, 1.0)
    assert float(y.min()) >= low - 1e-6
    assert float(y.max()) <= high + 1e-6


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_formats_are_kept_and_get_the_same_pictures(augmentation: Augmentation, dtype: torch.dtype) -> None:
    x = batch(6, 3, 8, 8)
    y = augmentation(x.to(dtype), seeded())
    assert y.dtype is dtype
    if dtype is torch.float64:
        torch.testing.assert_close(y.float(), augmentation(x, seeded()), atol=2e-5, rtol=0)


@every
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_short_formats_get_the_pictures_of_float32(augmentation: Augmentation, dtype: torch.dtype) -> None:
    x = (batch(64, 3, 8, 8) * 16).floor() / 16  # exact in both formats
    y = augmentation(x.to(dtype), seeded()).float()
    torch.testing.assert_close(y, augmentation(x, seeded()), atol=0.05, rtol=0)


@every
def test_the_same_seed_gives_the_same_pictures_and_another_one_others(augmentation: Augmentation) -> None:
    x = batch(16, 3, 9, 9)
    generator = seeded(3)
    first = augmentation(x, generator)
    assert first.equal(augmentation(x, seeded(3)))
    assert not first.equal(augmentation(x, seeded(4)))
    assert not first.equal(augmentation(x, generator)), "the generator has not moved on"


@every
def test_images_have_draws_of_their_own(augmentation: Augmentation) -> None:
    x = batch(1, 3, 9, 9).expand(16, 3, 9, 9).contiguous()
    y = augmentation(x, seeded())
    assert len({tuple(image.flatten().tolist()) for image in y}) > 1


@every
def test_one_image_does_not_see_another(augmentation: Augmentation) -> None:
    x = batch(6, 3, 9, 9)
    other = x.clone()
    other[3] = 0.5
    y, z = augmentation(x, seeded()), augmentation(other, seeded())
    rest = [0, 1, 2, 4, 5]
    assert torch.equal(y[rest], z[rest])


@every
def test_images_are_not_written_and_global_states_stay(augmentation: Augmentation) -> None:
    x = batch(6, 3, 9, 9)
    before, state = x.clone(), torch.get_rng_state()
    y = augmentation(x, seeded())
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), state)
    y += 1
    assert torch.equal(x, before), "the result shares memory with the images"


@every
def test_the_memory_format_changes_nothing(augmentation: Augmentation) -> None:
    x = batch(6, 3, 9, 8)
    y = augmentation(x.to(memory_format=torch.channels_last), seeded())
    torch.testing.assert_close(y, augmentation(x, seeded()))


@every
def test_no_images_give_none(augmentation: Augmentation) -> None:
    assert augmentation(torch.empty(0, 3, 8, 8), seeded()).shape == (0, 3, 8, 8)


@every
def test_points_go_with_the_pictures_of_the_call(augmentation: Augmentation) -> None:
    x, points = batch(6, 3, 16, 12), 12 * batch(6, 4, 2, dtype=torch.float64)
    before = points.clone()
    first, second = seeded(5), seeded(5)
    images, moved = augmentation.together(x, points, first)
    assert images.equal(augmentation(x, second))
    assert first.get_state().equal(second.get_state())
    assert moved.shape == points.shape
    assert moved.dtype is points.dtype
    assert moved.isfinite().all()
    assert points.equal(before)
    shorter = augmentation.together(x, points.float(), seeded(5))[1]
    torch.testing.assert_close(shorter, moved.float(), atol=1e-3, rtol=0)
    assert augmentation.together(x, points[:, :0], seeded())[1].shape == (6, 0, 2)
    assert augmentation.together(x[:0], points[:0], seeded())[1].shape == (0, 4, 2)


@pytest.mark.parametrize("augmentation", [item for item in EXAMPLES if isinstance(item, Warp)], ids=repr)
def test_warps_draw_maps(augmentation: Warp) -> None:
    x = batch(4, 3, 8, 9)
    assert augmentation.draw(x, seeded()).shape in [(4, 2, 3), (4, 2, 8, 9)]
    image = torch.ones(1, 1, 8, 9).expand(4, 1, 8, 9)
    if augmentation.fill != "zeros":  # nothing comes in from outside
        torch.testing.assert_close(augmentation(image, seeded()), image)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@every
def test_a_seed_gives_the_same_pictures_on_an_accelerator(augmentation: Augmentation) -> None:
    x = batch(6, 3, 9, 9)
    there = augmentation(x.cuda(), seeded(1))
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), augmentation(x, seeded(1)), atol=1e-4, rtol=0)
    own = torch.Generator("cuda").manual_seed(1)
    assert augmentation(x.cuda(), own).equal(augmentation(x.cuda(), own.manual_seed(1)))
