"""What every layer keeps: a new one enters by its registration and its examples in `tests/contract/layers`."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from netwright import layers
from netwright.core import registry
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.graph import Expression, Input, Shape, parallel, parse
from netwright.layers import ColumnEmbedding, Embedding, HardSigmoid, WordFeatures

Case = tuple[Expression, tuple[Shape, ...]]


HERE = Path(__file__).parent / "layers"


def gathered() -> dict[str, list[Case]]:
    """The examples of all families: a file of `tests/contract/layers` each."""
    found: dict[str, list[Case]] = {}
    for path in sorted(HERE.glob("*.py")):
        name = f"tests.contract.layers.{path.stem}"  # the one that pytest uses: a file is not loaded twice
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        found |= sys.modules[name].EXAMPLES
    return found


EXAMPLES = gathered()
CASES = [
    pytest.param(layer, shapes, id=f"{layer!r} on {shapes}") for cases in EXAMPLES.values() for layer, shapes in cases
]
each = pytest.mark.parametrize(("layer", "shapes"), CASES)
each_class = pytest.mark.parametrize("name", sorted(EXAMPLES))


def closed(layer: Expression, shapes: tuple[Shape, ...]) -> Expression:
    inputs = [Input(shape) for shape in shapes]
    return (inputs[0] if len(inputs) == 1 else parallel(*inputs)) >> layer


def samples(layer: Expression, shapes: tuple[Shape, ...], count: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Generic inputs in float64; codes where the layer looks them up."""
    g = torch.Generator().manual_seed(seed)
    made = [torch.randn(count, *shape, generator=g, dtype=torch.float64) for shape in shapes]
    if isinstance(layer, Embedding):
        made = [torch.randint(layer.entries, tuple(x.shape), generator=g).double() for x in made]
    if isinstance(layer, ColumnEmbedding):
        for column, k in enumerate(layer.cardinalities, start=shapes[0][0] - len(layer.cardinalities)):
            made[0][:, column] = torch.randint(k, (count,), generator=g).double()
    if isinstance(layer, WordFeatures):  # tokens of a small lexicon: the number in column 1 tells which
        lexicon = torch.randint(1, 6, (9, shapes[0][1]), generator=torch.Generator().manual_seed(0)).double()
        lexicon[:, 1] = torch.arange(9)
        made = [lexicon[torch.randint(9, x.shape[:2], generator=g)] for x in made]
    if has_lengths(layer):
        made[-1] = torch.randint(shapes[0][0] + 1, (count, 1), generator=g).double()
    return tuple(made)


def looks_up(layer: Expression) -> bool:
    return isinstance(layer, (Embedding, ColumnEmbedding, WordFeatures))


def has_lengths(layer: Expression) -> bool:
    """Whether the last input says how many steps of the first are valid."""
    return getattr(layer, "lengths", False) is True


def test_every_layer_has_an_example() -> None:
    assert set(registry.names("layer")) == set(EXAMPLES), "add examples of each new layer to tests/contract/layers"
    assert set(registry.names("layer")) <= set(layers.__all__)


@each
@pytest.mark.parametrize("count", [1, 3])
def test_planned_shape_is_the_real_shape(layer: Expression, shapes: tuple[Shape, ...], count: int) -> None:
    network = closed(layer, shapes)
    output = network.build().double().eval()(*samples(layer, shapes, count))
    assert tuple(output.shape) == (count, *network.output_shape)


@each
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch itself, at its first dual number
def test_gradients(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    module = closed(layer, shapes).build(seed=3).double().eval()
    inputs = samples(layer, shapes, 2, seed=1)
    names = [name for name, _ in module.named_parameters()]
    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    still = len(inputs) if looks_up(layer) else int(has_lengths(layer))  # the last inputs, which have no gradient
    moving = tuple(x.requires_grad_() for x in inputs[: len(inputs) - still])
    fixed = inputs[len(moving) :]

    def run(*tensors: torch.Tensor) -> torch.Tensor:
        xs, ps = (*tensors[: len(moving)], *fixed), tensors[len(moving) :]
        return torch.func.functional_call(module, dict(zip(names, ps, strict=True)), xs)

    assert torch.autograd.gradcheck(run, (*moving, *parameters), check_forward_ad=True)


@pytest.mark.slow
@pytest.mark.touches_rng  # gradgradcheck draws from torch's global state
@each
def test_gradients_of_gradients(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    module = closed(layer, shapes).build(seed=3).double().eval()
    inputs = samples(layer, shapes, 2, seed=1)
    moving = inputs[: 0 if looks_up(layer) else len(inputs) - int(has_lengths(layer))]
    fixed = inputs[len(moving) :]
    if moving:

        def run(*xs: torch.Tensor) -> Any:
            return module(*xs, *fixed)

        moving = [x.requires_grad_() for x in moving]
        if isinstance(
            layer, HardSigmoid
        ):  # torch.nn.Hardsigmoid has no second derivative; this fails when it gains one
            with pytest.raises(RuntimeError, match="derivative for aten::hardsigmoid_backward is not implemented"):
                torch.autograd.gradgradcheck(run, tuple(moving))
            return
        assert torch.autograd.gradgradcheck(run, tuple(moving))


@each
def test_inputs_that_are_not_contiguous(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    module, inputs = closed(layer, shapes).build().double().eval(), samples(layer, shapes, 4)
    strided = [torch.stack([x, x + 1], -1)[..., 0] for x in inputs]
    assert all(not x.is_contiguous() for x in strided)
    torch.testing.assert_close(module(*strided), module(*inputs), rtol=1e-12, atol=1e-12)
    backwards = [x.flip(0).flip(0) for x in strided]
    torch.testing.assert_close(module(*backwards), module(*inputs), rtol=1e-12, atol=1e-12)


@each
def test_no_rows(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    network = closed(layer, shapes)
    output = network.build().double().eval()(*(x[:0] for x in samples(layer, shapes, 2)))
    assert tuple(output.shape) == (0, *network.output_shape)


@each
def test_large_numbers_give_finite_ones(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    """Inputs of 1e4 in single precision: outputs and gradients that are numbers."""
    module = closed(layer, shapes).build().eval()
    inputs = [x.float() for x in samples(layer, shapes, 3)]
    moving = inputs[: 0 if looks_up(layer) else len(inputs) - int(has_lengths(layer))]
    for sign in (1e4, -1e4):
        large = [(x * sign).requires_grad_() for x in moving]
        output = module(*large, *inputs[len(moving) :])
        assert output.isfinite().all()
        if large and output.requires_grad:
            assert all(
                g is None or g.isfinite().all() for g in torch.autograd.grad(output.sum(), large, allow_unused=True)
            )


@each
def test_state_goes_into_another_build(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    network, inputs = closed(layer, shapes), samples(layer, shapes, 3)
    one, two = (network.build(seed).double().eval() for seed in (0, 1))
    two.load_state_dict(one.state_dict())
    assert torch.equal(one(*inputs), two(*inputs))


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtypes(layer: Expression, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
    module = closed(layer, shapes).build().to(dtype).eval()
    output = module(*(x.to(dtype) for x in samples(layer, shapes, 3)))
    assert output.dtype == dtype
    assert output.isfinite().all()


@each
def test_weights_are_a_function_of_the_seed(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    network, before = closed(layer, shapes), torch.get_rng_state()
    one, same, other = (network.build(seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.items():
        assert torch.equal(tensor, same[name])
        values = set(tensor.unique().tolist())
        if len(values) > 1 and not values <= {0.0, 1.0}:  # as biases begin
            assert not torch.equal(tensor, other[name]), name


@each
def test_all_weights_are_filled(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    for name, tensor in closed(layer, shapes).build().named_parameters():
        assert tensor.isfinite().all(), name
        assert tensor.abs().max() < 10, name


@each
def test_rows_of_a_batch_do_not_mix_in_eval_mode(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    module = closed(layer, shapes).build().double().eval()
    inputs, others = samples(layer, shapes, 3, seed=1), samples(layer, shapes, 3, seed=2)
    mixed = tuple(torch.cat([x[:1], y[1:]]) for x, y in zip(inputs, others, strict=True))
    assert torch.allclose(module(*inputs)[0], module(*mixed)[0], rtol=1e-12, atol=1e-12)
    assert torch.allclose(module(*inputs)[:1], module(*(x[:1] for x in inputs)), rtol=1e-12, atol=1e-12)


@each
def test_inputs_are_not_written(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    inputs = samples(layer, shapes, 3)
    kept = [x.clone() for x in inputs]
    with torch.random.fork_rng():
        closed(layer, shapes).build().double().train()(*inputs)
    assert all(torch.equal(x, y) for x, y in zip(inputs, kept, strict=True))


@each
def test_repr_is_code(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    scope = {**vars(layers), **{name: registry.look_up("user", name) for name in registry.names("user")}}
    network = closed(layer, shapes)
    assert eval(repr(layer), scope) == layer
    assert eval(repr(network), scope) == network
    assert parse(repr(network)) == network


@each
def test_json_and_back(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    for thing in (layer, closed(layer, shapes)):
        back = from_json(json.loads(json.dumps(to_json(thing))))
        assert back == thing
        assert repr(back) == repr(thing)


@each
def test_equality_and_hash(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    twin = copy.deepcopy(layer)
    assert twin == layer
    assert hash(twin) == hash(layer)
    assert layer != Input(1)
    others = [other for cases in EXAMPLES.values() for other, _ in cases if repr(other) != repr(layer)]
    assert all(other != layer for other in others)


@each
def test_frozen(layer: Expression, shapes: tuple[Shape, ...]) -> None:
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, None)


@each_class
def test_unknown_options_are_named(name: str) -> None:
    cls = registry.look_up("layer", name)
    fields = [field.name for field in dataclasses.fields(cls)]
    hint = f"Did you mean '{fields[0]}'" if fields else "It takes no options"
    unknown = f"{fields[0]}s" if fields else "units"
    with pytest.raises(InvalidParameter, match=rf"{name}: expected one of its options, got '{unknown}'\. {hint}"):
        cls(**{unknown: 1})


@each_class
def test_options_of_the_wrong_kind_are_refused(name: str) -> None:
    cls = registry.look_up("layer", name)
    for field in dataclasses.fields(cls):
        with pytest.raises(InvalidParameter, match=rf"{name}\({field.name}\): expected .*, got <object"):
            cls(**{**_needed(cls), field.name: object()})


def _needed(cls: Any) -> dict[str, Any]:
    layer = EXAMPLES[cls.__name__][0][0]
    return {f.name: getattr(layer, f.name) for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}


@each_class
def test_docstring_has_all_sections(name: str) -> None:
    cls = registry.look_up("layer", name)
    text = inspect.getdoc(cls) or ""
    needed = ["Shapes", "Raises", "Examples", "References", *(["Parameters"] if dataclasses.fields(cls) else [])]
    missing = [section for section in needed if f"\n{section}\n{'-' * len(section)}\n" not in text]
    assert not missing, f"{name} lacks {missing}"
    assert "=" in text.split("Parameters")[0].split("Shapes")[0] or name == "Reshape" or name == "Module", (
        "the equation"
    )
