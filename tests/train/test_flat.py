"""The flat vector: views, order, layouts, norms."""

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.train import Flat

pytestmark = pytest.mark.touches_rng  # torch.nn.Linear() draws from the global state


def small():
    return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3, bias=False))


def test_parameters_and_gradients_are_views_with_weights_first():
    module = small()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    flat = Flat(module)
    assert flat.weights == 5 * 4 + 4 * 3
    assert [s.name for s in flat.segments[:2]] == ["0.weight", "2.weight"]
    for name, p in module.named_parameters():
        assert torch.equal(p, before[name])
        assert p.untyped_storage().data_ptr() == flat.theta.untyped_storage().data_ptr()
        assert p.grad.untyped_storage().data_ptr() == flat.gradient.untyped_storage().data_ptr()
    flat.theta.data.zero_()
    assert all(not p.any() for p in module.parameters())


def test_backward_accumulates_into_the_vector_and_equals_plain_autograd():
    plain, module = small().double(), small().double()
    module.load_state_dict(plain.state_dict())
    flat = Flat(module)
    x = torch.randn(7, 5, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    plain(x).square().sum().backward()
    for _ in range(2):
        flat.gradient.zero_()
        module(x).square().sum().backward()
    assert torch.equal(
        dict(module.named_parameters())["0.weight"].grad, dict(plain.named_parameters())["0.weight"].grad
    )
    parts = [dict(plain.named_parameters())[s.name].grad.reshape(-1) for s in flat.segments]
    torch.testing.assert_close(flat.gradient, torch.cat(parts), rtol=1e-12, atol=1e-12)


def test_channels_last_weights_keep_their_layout_and_values():
    conv = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    weight = conv.weight.detach().clone(memory_format=torch.contiguous_format)
    flat = Flat(conv)
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(conv.weight, weight)
    conv(torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert conv.weight.grad.untyped_storage().data_ptr() == flat.gradient.untyped_storage().data_ptr()
    assert flat.gradient.abs().sum() > 0


def test_shared_parameters_are_taken_once_and_frozen_ones_left_out():
    a, b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    b.weight = a.weight
    a.bias.requires_grad_(False)
    flat = Flat(torch.nn.Sequential(a, b))
    assert flat.theta.numel() == 9 + 3


def test_layer_norms():
    module = small()
    flat = Flat(module)
    norms = flat.layer_norms(flat.theta.detach())
    first = module[0]
    expected = (first.weight.square().sum() + first.bias.square().sum()).sqrt()
    torch.testing.assert_close(norms["0"], expected.detach())
    assert set(norms) == {"0", "1", "2"}


def test_front_leaves_biases_out():
    flat = Flat(torch.nn.Linear(3, 2))
    values, gradients = flat.front(biases=False)
    assert values.shape == gradients.shape == (6,)
    assert flat.front(biases=True)[0].shape == (8,)


def test_nothing_to_train_and_mixed_dtypes_are_refused():
    with pytest.raises(InvalidParameter, match=r"ReLU: expected trainable parameters of one dtype.*got none"):
        Flat(torch.nn.ReLU())
    mixed = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).double())
    with pytest.raises(InvalidParameter, match=r"got 2: .*float32.*float64"):
        Flat(mixed)
