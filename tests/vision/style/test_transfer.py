"""`StyleTransfer` as a whole: costs by brute force, what the options do, and what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.layers import Conv, Input, MaxPool, ReLU
from netwright.vision import ShallowEncoder, StyleTransfer, gram_matrix, total_variation
from netwright.vision.style.cost import PictureCost, Scene, Weights

NET = Input(3, 32, 32) >> Conv(6, 3, padding=1) >> ReLU() >> MaxPool(2) >> Conv(8, 3, padding=1) >> ReLU()
SMALL: dict[str, Any] = {"network": ShallowEncoder(12, window=5, scales=2), "steps": 8, "levels": 1, "size": 40}


def stripes(period: int, size: tuple[int, int] = (48, 64), axis: int = 0) -> np.ndarray:
    """Stripes in two colours."""
    places = np.indices(size)[axis] // period % 2
    return np.where(places[:, :, None] == 0, (230, 60, 40), (20, 90, 200)).astype(np.uint8)


CONTENT = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8).repeat(12, 0).repeat(10, 1)
STYLE = stripes(4)


def picture(**options: Any) -> np.ndarray:
    made = StyleTransfer(random_state=0, **{**SMALL, **options})(CONTENT, STYLE)
    assert isinstance(made, np.ndarray)
    return made


def test_a_picture_is_bytes_of_the_wanted_size_and_inputs_stay() -> None:
    content, style = CONTENT.copy(), STYLE.copy()
    made = picture(size=30)
    assert made.dtype == np.uint8
    assert made.shape == (27, 30, 3)
    assert picture(size=None).shape == CONTENT.shape
    assert (content == CONTENT).all()
    assert (style == STYLE).all()


def test_same_seed_same_picture() -> None:
    state = torch.get_rng_state()
    assert (picture() == picture()).all()
    assert (picture() != StyleTransfer(random_state=1, **SMALL)(CONTENT, STYLE)).any()
    assert (torch.get_rng_state() == state).all()


@pytest.mark.slow
def test_the_cost_never_rises_with_lbfgs_and_falls_a_hundredfold() -> None:
    draw = np.random.default_rng(3)
    noise = draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    blocks = draw.integers(0, 256, (12, 12, 3), dtype=np.uint8).repeat(5, 0).repeat(7, 1)
    options = {**SMALL, "steps": 100, "size": 64, "alpha": 0.0, "tv": 0.0, "start": "noise"}
    transfer = StyleTransfer(random_state=0, **options)
    transfer(noise, blocks)
    (losses,) = transfer.losses_
    assert len(losses) <= 101
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] < losses[0] / 100


def test_the_cost_is_the_equation() -> None:
    generator = torch.Generator().manual_seed(0)
    content, style, x = (torch.rand(1, 3, 20, 24, generator=generator) for _ in range(3))
    module = NET.build(seed=1)
    taps = nw.vision.style.taps.Taps(module)
    style_weights, content_weights = {"conv1_1": 0.3, "conv2_1": 0.7}, {"relu2": 1.0}
    weights = Weights(style_weights, content_weights, alpha=0.4, beta=2.0, tv=0.1)
    cost = PictureCost(taps, Scene(content, content, [style], [1.0]), weights, x)

    def maps(image: torch.Tensor) -> dict[str, torch.Tensor]:
        first = module.relu1(module.conv1((image - 0.45) / 0.25))
        second = module.relu2(module.conv2(torch.nn.functional.avg_pool2d(first, 2)))
        return {"conv1_1": first[0], "conv2_1": second[0]}

    of_content, of_style, of_x = maps(content), maps(style), maps(x)
    wanted = 0.1 * total_variation(x, "squared") / x.numel()
    for name, weight in style_weights.items():
        a, b = gram_matrix(of_style[name]), gram_matrix(of_x[name])
        wanted = wanted + 2.0 * weight * (a - b).square().sum() / a.square().sum()
    c = of_content["conv2_1"]
    wanted = wanted + 0.4 * (c - of_x["conv2_1"]).square().sum() / (c - c.mean((1, 2), keepdim=True)).square().sum()
    torch.testing.assert_close(cost(), wanted)


@pytest.mark.slow
def test_the_picture_gets_the_style() -> None:
    across, down = stripes(6), stripes(6, axis=1)
    made = {}
    for name, style in (("across", across), ("down", down)):
        transfer = StyleTransfer(random_state=0, **{**SMALL, "size": 64, "steps": 60, "alpha": 0.01, "style_scale": 1})
        made[name] = transfer(np.full((40, 40), 128, np.uint8), style).astype(float)
    for name, axis in (("across", 0), ("down", 1)):
        own, other = (np.abs(np.diff(made[name], axis=a)).mean() for a in (axis, 1 - axis))
        assert own > 1.5 * other


@pytest.mark.slow
def test_more_alpha_keeps_more_of_the_content() -> None:
    left = []
    for alpha in (0.001, 1.0):
        transfer = StyleTransfer(random_state=0, **{**SMALL, "steps": 30, "alpha": alpha})
        transfer(CONTENT, STYLE)
        left.append(transfer.costs_)
    assert left[0]["content"] > 2 * left[1]["content"]
    assert left[0]["style"] < left[1]["style"]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "Adam(0.05)", nw.optim.RMSprop(0.01), nw.optim.IRpropPlus()])
def test_update_rules(optimizer: Any) -> None:
    transfer = StyleTransfer(random_state=0, **{**SMALL, "optimizer": optimizer, "steps": 25})
    transfer(CONTENT, STYLE)
    assert transfer.losses_[0][-1] < transfer.losses_[0][0]


def test_levels_go_from_coarse_to_fine() -> None:
    transfer = StyleTransfer(random_state=0, **{**SMALL, "levels": 3, "size": 160, "steps": 2})
    pictures = transfer(CONTENT, STYLE, every=1)
    assert transfer.sizes_ == [(36, 40), (72, 80), (144, 160)]
    assert [len(losses) for losses in transfer.losses_] == [3, 3, 3]
    assert [shown.shape for shown in pictures] == [(144, 160, 3)] * 7
    assert (pictures[-1] == pictures[-2]).all()


def test_going_on_from_a_picture_is_going_on() -> None:
    first = StyleTransfer(random_state=0, **SMALL)
    made = first(CONTENT, STYLE)
    again = StyleTransfer(random_state=0, **SMALL)
    again(CONTENT, STYLE, resume=made)
    assert again.losses_[0][0] < first.losses_[0][0] / 2
    assert again.losses_[0][-1] < first.losses_[0][-1]


def test_a_mask_leaves_the_rest_as_it_was() -> None:
    mask = np.zeros(CONTENT.shape[:2], bool)
    mask[:, 20:] = True
    made = StyleTransfer(random_state=0, **{**SMALL, "size": None})(CONTENT, STYLE, mask=mask)
    assert (made[:, :20] == CONTENT[:, :20]).all()
    assert (made[:, 20:] != CONTENT[:, 20:]).any()


@pytest.mark.slow
def test_each_of_several_styles_goes_where_its_mask_is() -> None:
    left = np.zeros((40, 80), bool)
    left[:, :40] = True
    options = {**SMALL, "steps": 60, "size": None, "alpha": 0.01, "style_scale": 0.8}
    transfer = StyleTransfer(random_state=0, **options)
    red, green = (np.random.default_rng(1).integers(0, 90, (40, 80, 3), dtype=np.uint8) for _ in range(2))
    red[..., 0] += 150
    green[..., 1] += 150
    made = transfer(np.full((40, 80), 128, np.uint8), [red, green], mask=[left, ~left]).astype(float)
    assert made[:, :36, 0].mean() > made[:, :36, 1].mean() + 60
    assert made[:, 44:, 1].mean() > made[:, 44:, 0].mean() + 60


def test_a_blend_of_one_style_alone_is_that_style() -> None:
    module = NET.build(seed=0)
    options = {**SMALL, "network": module, "steps": 4}
    alone = StyleTransfer(random_state=0, **options)(CONTENT, STYLE)
    other = np.ascontiguousarray(STYLE[:, ::-1, ::-1])
    blended = StyleTransfer(random_state=0, **options)(CONTENT, [STYLE, other], blend=[2, 0])
    assert np.abs(alone.astype(int) - blended).max() <= 1


@pytest.mark.parametrize("keep", ["histogram", "luminance"])
def test_colours_are_kept(keep: str) -> None:
    def apart(made: np.ndarray) -> float:
        return float(np.abs(made.reshape(-1, 3).mean(0) - sized.reshape(-1, 3).mean(0)).max())

    green = CONTENT // 4
    green[..., 1] += 150
    sized = np.asarray(green)
    made = {k: StyleTransfer(random_state=0, keep_colors=k, **SMALL)(green, STYLE) for k in (None, keep)}
    assert apart(made[keep]) < 15 < apart(made[None])


@pytest.mark.parametrize("network", [nw.models.vgg11(small=True), NET, "Conv(4, 3) >> ReLU() >> Conv(4, 3) >> ReLU()"])
def test_networks_with_random_weights(network: Any) -> None:
    transfer = StyleTransfer(
        random_state=0, **{**SMALL, "network": network, "size": 64, "style_scale": 1.7, "steps": 5}
    )
    assert transfer(CONTENT, stripes(4, (104, 110))).shape == (58, 64, 3)
    assert transfer.losses_[0][-1] < transfer.losses_[0][0]


def test_a_style_that_is_smaller_than_what_a_layer_sees_is_told() -> None:
    transfer = StyleTransfer(random_state=0, **{**SMALL, "network": nw.models.vgg11(small=True), "steps": 1})
    with pytest.warns(
        UserWarning,
        match=r"\(style\): expected an image of at least 102 pixels.*'conv5_1'.*got 45 x 60 pixels, of 48 x 64 bef",
    ):
        transfer(CONTENT, STYLE)


def test_the_style_counts_at_the_scale_of_the_picture() -> None:
    small = {**SMALL, "levels": 1, "steps": 1}
    vgg = StyleTransfer(random_state=0, **{**small, "network": nw.models.vgg11(small=True)})
    with pytest.warns(UserWarning, match=r"got 60 x 60 pixels, of 300 x 300 before it was scaled.*size or style_scale"):
        vgg(CONTENT, stripes(4, (300, 300)))
    with pytest.raises(InvalidData, match=r"\(style\).*'conv4_1'.*got 6 x 60 pixels, of 60 x 600 before"):
        StyleTransfer(random_state=0, **{**small, "network": vgg.network, "style_layers": "conv4_1"})(
            CONTENT, stripes(4, (60, 600))
        )
    with pytest.raises(InvalidData, match=r"\(style\).*filter of 5 x 5 pixels, got 2 x 60 pixels, of 20 x 600 before"):
        StyleTransfer(**small)(CONTENT, stripes(4, (20, 600)))
    with pytest.raises(InvalidData, match=r"\(content\).*'conv4_1'.*got 6 x 6 pixels"):
        StyleTransfer(vgg.network, style_layers="conv4_1", steps=1, size=None)(CONTENT[:6, :6], STYLE)


@pytest.mark.slow
def test_levels_that_are_too_small_for_what_measures_are_left_out() -> None:
    style, network = stripes(4, (200, 200)), Input(3, 64, 64) >> Conv(4, 36) >> ReLU()
    for measured in (ShallowEncoder(4, window=55, scales=1, kind="random"), network):
        transfer = StyleTransfer(measured, size=72, levels=2, steps=1, random_state=0, content_layers=[])
        transfer(np.repeat(CONTENT, 2, 0)[:72, :36].repeat(2, 1), style)
        assert transfer.sizes_ == [(72, 72)]


def test_painted_brightness_goes_on_from_a_picture() -> None:
    first = StyleTransfer(random_state=0, keep_colors="luminance", **SMALL)
    made = first(CONTENT, STYLE)
    again = StyleTransfer(random_state=0, keep_colors="luminance", **SMALL)
    again(CONTENT, STYLE, resume=made)
    assert again.losses_[0][0] < first.losses_[0][0] / 2


def test_layers_by_name_and_weight() -> None:
    transfer = StyleTransfer(NET, style_layers={"conv2_1": 2, "relu1": 1}, content_layers="conv1", steps=1, size=32)
    transfer(CONTENT, STYLE)
    assert transfer.style_layers_ == {"conv2_1": 2.0, "relu1": 1.0}
    assert transfer.content_layers_ == {"conv1": 1.0}


def test_it_is_an_estimator_of_options() -> None:
    transfer = StyleTransfer(alpha=0.3, optimizer=nw.optim.Adam(0.1))
    assert clone(transfer).get_params() == transfer.get_params()
    assert repr(StyleTransfer(alpha=0.3)) == "StyleTransfer(alpha=0.3)"


def test_a_cost_that_is_lost_is_told_and_the_best_picture_kept() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = picture(optimizer=nw.optim.SGD(1e30), steps=20)
    assert any(issubclass(each.category, DivergenceWarning) for each in told)
    assert made.std() > 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 0}, r"StyleTransfer\(steps\): expected an integer >= 1, got 0"),
        ({"alpha": -1}, r"\(alpha\): expected a number in \[0, inf\), got -1"),
        ({"optimizer": "lbfsg"}, "known names|'lbfgs', 'adam'"),
        ({"optimizer": nw.optim.LevenbergMarquardt()}, "needs no residuals"),
        ({"style_layers": ["scale9"]}, r"\(style_layers\).*'scale9'.*Did you mean 'scale"),
        ({"content_layers": {"blur": -1}}, r"content_layers\)\['blur'\]: expected a number >= 0|a number >= 0"),
        ({"weights": "vgg19.pth", "network": None}, r"\(weights\): expected None without a network"),
        ({"keep_colors": "histogramm"}, "Did you mean 'histogram'"),
        ({"device": "gpu9"}, "a device that torch has here"),
        ({"network": NET, "style_layers": ["conv3_1"]}, "Did you mean"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        StyleTransfer(**{**SMALL, **options})(CONTENT, STYLE)


def test_an_unknown_option() -> None:
    with pytest.raises(InvalidParameter, match="Did you mean 'steps'"):
        StyleTransfer(step=3)  # type: ignore[call-arg]


def test_images_that_cannot_be() -> None:
    transfer = StyleTransfer(**SMALL)
    with pytest.raises(
        InvalidData,
        match=r"\(style\): expected an image larger than a filter of 5 x 5 pixels, got 4 x 60 pixels, of 4 x 64",
    ):
        transfer(CONTENT, STYLE[:4])
    with pytest.raises(InvalidData, match=r"\(style\): expected an image with at least 2 x 2 places"):
        StyleTransfer(nw.models.vgg11(), steps=1, levels=1)(CONTENT, STYLE[:8, :8])
    with pytest.raises(InvalidData, match=r"\(mask\): expected a mask of the image's size 36 x 40"):
        transfer(CONTENT, STYLE, mask=np.ones((5, 5)))
    with pytest.raises(InvalidData, match=r"a mask for each of 2 styles"):
        transfer(CONTENT, [STYLE, STYLE], mask=[np.ones((36, 40))])
    with pytest.raises(InvalidParameter, match=r"2 numbers >= 0, one for each style"):
        transfer(CONTENT, [STYLE, STYLE], blend=[1])
    with pytest.raises(InvalidData, match=r"\(style\[1\]\): expected numbers in \[0, 1\]"):
        transfer(CONTENT, [STYLE, STYLE * 1.0])
    with pytest.raises(InvalidData, match=r"\(resume\): expected a picture of 36 x 40 pixels, got 48 x 64"):
        transfer(CONTENT, STYLE, resume=STYLE)
    with pytest.raises(InvalidData, match="an empty list"):
        transfer(CONTENT, [])
    with pytest.raises(InvalidParameter, match=r"\(every\): expected an integer >= 1 or None, got 0"):
        transfer(CONTENT, STYLE, every=0)
