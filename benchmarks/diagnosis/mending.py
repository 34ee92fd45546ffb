"""A remedy applied to a training program, as it is written: an argument of an object and its new value."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from forwards import WithoutLast
from rebuilding import (
    attached,
    calmed,
    derived,
    fresh,
    redrawn,
    registered,
    removed,
    rows_first,
    trimmed,
    unfrozen,
    wider,
    with_all_parameters,
    with_dropout,
    with_momentum,
    with_relu,
    with_smaller_weights,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks import Program, Remedy
from netwright.checks.before.steps.draws import Draws, watched
from netwright.checks.before.steps.terms import terms_of
from netwright.checks.copies import program_copy
from netwright.checks.faults.program import accuracy, standard_loop
from netwright.checks.reading import Batch

Mend = Callable[[Program, Any], Program | None]


class NotMended(Exception):
    """A remedy that only the program's author can carry out."""


def mend(program: Program, remedy: Remedy | None, where: str | None = None) -> Program:
    """The program with the remedy applied.

    Parameters
    ----------
    program : fresh, not run. remedy : of the first finding. where : its layer, if it names one.

    Raises
    ------
    NotMended : a remedy that only the program's author can carry out.
    """
    key = ("", "") if remedy is None else (remedy.object, remedy.argument)
    changed: Program | None = None
    if remedy is not None and remedy.object == "module" and remedy.argument.endswith(".p"):
        program.module.get_submodule(remedy.argument[:-2]).p = remedy.value
        changed = program
    elif remedy is not None and key == ("module", "width") and where is not None:
        changed = wider(program, where, remedy.value)
    elif remedy is not None and key == ("module", "scale_input") and where is not None:
        changed = calmed(program, where, remedy.value)
    elif remedy is not None and key in MENDS:
        changed = MENDS[key](program, remedy.value)
    if changed is None:
        raise NotMended(str(remedy))
    return changed


def rows_of(program: Program) -> list[Tensor]:
    """All training rows in the order in which the data has them."""
    if not isinstance(program.data, DataLoader):
        return list(program.data)
    dataset = program.data.dataset
    return [torch.stack(parts) for parts in zip(*(dataset[k] for k in range(len(dataset))), strict=True)]


def with_rows(program: Program, rows: list[Tensor], shuffle: bool | None = None, size: int | None = None) -> Program:
    """The program on other training rows, or with another loader."""
    if not isinstance(program.data, DataLoader) and shuffle is None:
        return replace(program, data=tuple(rows), batch_size=size or program.batch_size)
    loader = program.data
    old = loader.batch_size if isinstance(loader, DataLoader) else program.batch_size
    sampler = loader.sampler if isinstance(loader, DataLoader) else None
    mixed = isinstance(sampler, torch.utils.data.RandomSampler) if shuffle is None else shuffle
    generator = torch.Generator().manual_seed(0)
    data = DataLoader(TensorDataset(*rows), size or old, shuffle=mixed, generator=generator)
    return replace(program, data=data, batch_size=size or old)


def _inputs(change: Callable[[list[Tensor]], Callable[[Tensor], Tensor]]) -> Mend:
    """A change of the inputs, learned from the training rows, of all rows."""

    def apply(program: Program, value: Any) -> Program:
        *inputs, target = rows_of(program)
        moved = change(inputs)
        changed = with_rows(program, [*(moved(each) for each in inputs), target])
        held = None if program.validation is None else _pair(program.validation, moved)
        return replace(changed, validation=held, test=_pair(program.test, moved))

    return apply


def _pair(pair: Any, change: Callable[[Tensor], Tensor]) -> Any:
    *inputs, target = pair
    return (*(change(each) for each in inputs), target)


def _standardize(inputs: list[Tensor]) -> Callable[[Tensor], Tensor]:
    x = inputs[0]
    axes = [0] if x.ndim <= 2 else [0, *range(2, x.ndim)] if x.ndim > 3 else [0, 1]
    mean, deviation = x.mean(axes, keepdim=True), x.std(axes, keepdim=True)
    deviation = torch.where(deviation > 0, deviation, 1.0)
    return lambda tensor: (tensor - mean) / deviation if tensor.is_floating_point() else tensor


def _target_standardized(program: Program, value: Any) -> Program:
    *inputs, target = rows_of(program)
    mean, deviation = target.mean(0), target.std(0)

    def change(pair: Any) -> Any:
        return None if pair is None else (*pair[:-1], (pair[-1] - mean) / deviation)

    changed = with_rows(program, [*inputs, (target - mean) / deviation])
    return replace(changed, validation=change(program.validation), test=change(program.test))


def _drop_rows(program: Program, value: Any) -> Program:
    tensors = rows_of(program)
    good = torch.ones(len(tensors[0]), dtype=torch.bool)
    for tensor in tensors:
        if tensor.is_floating_point():
            good &= torch.isfinite(tensor.reshape(len(tensor), -1)).all(1)
    return with_rows(program, [tensor[good] for tensor in tensors])


def _drop_column(program: Program, column: Any) -> Program | None:
    """A column that says nothing: all zero, which is what leaving it out comes to."""
    if not isinstance(column, int) or rows_of(program)[0].ndim != 2:
        return None

    def zero(tensor: Tensor) -> Tensor:
        tensor = tensor.clone()
        tensor[:, column] = 0
        return tensor

    return _inputs(lambda inputs: zero)(program, column)


def _drop_shared_rows(program: Program, value: Any) -> Program:
    """Training without the rows that are held out, too."""
    held = {tuple(row.flatten().tolist()) for pair in (program.validation, program.test) if pair for row in pair[0]}
    *inputs, target = rows_of(program)
    good = torch.tensor([tuple(row.flatten().tolist()) not in held for row in inputs[0]])
    return with_rows(program, [tensor[good] for tensor in (*inputs, target)])


def _scaled_alike(program: Program, value: Any) -> Program:
    """The held-out rows brought to mean and deviation of the training rows."""
    inputs = rows_of(program)[0]
    mean, deviation = inputs.mean(0), inputs.std(0)
    like = program.validation or program.test
    other, spread = like[0].mean(0), like[0].std(0).clamp_min(1e-12)

    def moved(pair: Any) -> Any:
        return None if pair is None else ((pair[0] - other) / spread * deviation + mean, *pair[1:])

    return replace(program, validation=moved(program.validation), test=moved(program.test))


def _target(change: Callable[[Tensor, Any], Tensor]) -> Mend:
    def apply(program: Program, value: Any) -> Program:
        *inputs, target = rows_of(program)
        held = program.validation
        if held is not None:
            held = (*held[:-1], change(held[-1], value))  # type: ignore[assignment]
        return replace(with_rows(program, [*inputs, change(target, value)]), validation=held)

    return apply


def _reshaped(target: Tensor, shape: Any) -> Tensor:
    return target.reshape(len(target), *shape)


def _mapped(target: Tensor, values: Any) -> Tensor:
    low, high = target.min(), target.max()
    return (target - low) / (high - low) * (values[1] - values[0]) + values[0]


def _optimizer(argument: str) -> Mend:
    def apply(program: Program, value: Any) -> Program:
        for group in program.optimizer.param_groups:
            group[argument] = value
            if argument == "lr" and "initial_lr" in group:
                group["initial_lr"] = value
        if argument == "lr" and program.scheduler is not None and hasattr(program.scheduler, "base_lrs"):
            program.scheduler.base_lrs = [value for _ in program.scheduler.base_lrs]
        return program

    return apply


def _loop(program: Program, value: Any) -> Program:
    """The textbook's loop: it clears, steps, and toggles the modes."""
    return replace(program, loop=standard_loop, scheduler=None)


def _epochs(program: Program, value: Any) -> Program:
    return replace(program, epochs=int(value))


def _clip(program: Program, value: Any) -> Program:
    """The textbook's loop with the gradient clipped just before each update."""

    def clip(*_: Any) -> None:
        torch.nn.utils.clip_grad_norm_(program.module.parameters(), value)

    program.optimizer.register_step_pre_hook(clip)
    return replace(program, loop=standard_loop)


def _loss_kind(program: Program, value: Any) -> Program | None:
    """Another loss, with the output that it wants: logits, one a class where there are classes."""
    losses = {"cross-entropy": nn.CrossEntropyLoss(), "logits": nn.BCEWithLogitsLoss(), "squares": nn.MSELoss()}
    loss = losses.get(value)
    if loss is None:
        return None
    program = replace(program, loss=loss)
    if value in ("cross-entropy", "logits"):
        program = _bare(program)
    if value == "cross-entropy":
        target = rows_of(program)[-1]
        classes = int(target.max()) + 1 if target.ndim == 1 or target.shape[1] == 1 else target.shape[1]
        last = [name for name, child in program.module.named_modules() if isinstance(child, nn.Linear)][-1]
        if program.module.get_submodule(last).out_features != classes:  # type: ignore[operator]
            program = wider(program, last, classes)
        test = (*program.test[:-1], _numbers(program.test[-1]))
        change = _target(lambda target, _: _numbers(target))
        program = replace(change(program, None), metric=accuracy, test=test)
    return program


def _bare(program: Program) -> Program:
    """The network without an activation at its end, be it a layer or a call."""
    for name, child in list(program.module.named_children())[-1:]:
        if isinstance(child, (nn.Softmax, nn.Sigmoid, nn.LogSoftmax, nn.ReLU)):
            setattr(program.module, name, nn.Identity())
            return program
    *inputs, _ = program.test
    name = _last_call(program.module, inputs)
    return removed(program, name) or program if name else program


def _last_call(module: nn.Module, inputs: Any) -> str | None:
    """The activation whose call gives the output, or None."""
    copied = copy.deepcopy(module).eval()
    for name in ("softmax", "sigmoid", "relu", "tanh"):
        with torch.no_grad():
            with_it, without = copied(*inputs), WithoutLast(copied, name)(*inputs)
            again = getattr(without, name)(*((-1,) if name == "softmax" else ()))
        if with_it.shape == again.shape and torch.allclose(with_it, again) and not torch.allclose(with_it, without):
            return name
    return None


def _numbers(target: Tensor) -> Tensor:
    """Classes as whole numbers (n,)."""
    return target.argmax(1) if target.ndim == 2 and target.shape[1] > 1 else target.reshape(len(target)).long()


def _reordered(program: Program, how: Any) -> Program | None:
    def change(inputs: list[Tensor]) -> Callable[[Tensor], Tensor]:
        if isinstance(how, list):  # laid out so that the view in forward reads what a permutation gives
            return lambda x: x.permute(0, *(1 + axis for axis in how)).reshape(x.shape)
        if how == "(rows, height, width, channels)":
            return lambda x: x.reshape(x.shape[0], x.shape[2], x.shape[3], x.shape[1]).permute(0, 3, 1, 2)
        if how == "channels last":
            return lambda x: x.permute(0, 3, 1, 2)
        if how == "its last two axes exchanged":
            return lambda x: x.transpose(1, 2)
        return lambda x: x.reshape(x.shape[0], x.shape[2], x.shape[1]).transpose(1, 2)

    return _inputs(change)(program, how)


def _mean_loss(program: Program, value: Any) -> Program:
    old = program.loss
    if hasattr(old, "reduction"):
        new = copy.copy(old)
        new.reduction = "mean"  # type: ignore[assignment]
        return replace(program, loss=new)
    return replace(program, loss=lambda output, target: old(output, target) / len(target))


def _sign(program: Program, value: Any) -> Program:
    old = program.loss
    if value == -1:
        return replace(program, loss=lambda output, target: -old(output, target))
    return replace(program, loop=standard_loop)


def _weighted_loss(program: Program, value: Any) -> Program | None:
    if not value or not isinstance(program.loss, nn.CrossEntropyLoss):
        if value and len(value) == 2 and isinstance(program.loss, nn.BCEWithLogitsLoss):
            return replace(program, loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(value[1] / value[0])))
        return None
    return replace(program, loss=nn.CrossEntropyLoss(weight=torch.tensor(value)))


def _weaker_terms(program: Program, factor: Any) -> Program | None:
    """The loss with its terms that do not know the target times a factor."""
    *inputs, target = rows_of(program)
    module, _, loss = program_copy(program.module, [], program.loss)
    terms = terms_of(module.train(), loss, Batch(tuple(inputs), target).rows(slice(0, 32)))
    return None if terms is None else replace(program, loss=terms.weaker(program.loss, factor))


def _reparametrised(program: Program, value: Any) -> Program:
    """A forward that draws with a gradient."""
    forward = program.module.forward

    def drawing(*inputs: Any) -> Any:
        with watched(Draws(through=True)):
            return forward(*inputs)

    program.module.forward = drawing
    return program


MENDS: dict[tuple[str, str], Mend] = {
    ("data", "standardize"): _inputs(_standardize),
    ("data", "drop_rows"): _drop_rows,
    ("data", "drop_column"): _drop_column,
    ("data", "drop_shared_rows"): _drop_shared_rows,
    ("data", "scale_validation_like_training"): _scaled_alike,
    ("target", "standardize"): _target_standardized,
    ("target", "reshape"): _target(_reshaped),
    ("target", "map"): _target(_mapped),
    ("target", "add"): _target(lambda target, value: target + value),
    ("loader", "shuffle"): lambda program, value: with_rows(program, rows_of(program), shuffle=True),
    ("loader", "batch_size"): lambda program, value: with_rows(program, rows_of(program), size=value),
    ("optimizer", "lr"): _optimizer("lr"),
    ("optimizer", "weight_decay"): _optimizer("weight_decay"),
    ("optimizer", "maximize"): _optimizer("maximize"),
    ("optimizer", "params"): with_all_parameters,
    ("module", "requires_grad"): unfrozen,
    ("module", "remove"): removed,
    ("module", "reset_parameters"): redrawn,
    ("module", "activation"): with_relu,
    ("module", "batch_first"): rows_first,
    ("module", "momentum"): with_momentum,
    ("module", "dropout"): with_dropout,
    ("module", "weights"): with_smaller_weights,
    ("module", "register"): registered,
    ("module", "mask_padding"): trimmed,
    ("module", "backward"): derived,
    ("module", "attach"): attached,
    ("module", "draw"): _reparametrised,
    ("module", "reset_state"): fresh,
    ("module", "dropout_in_eval"): fresh,
    ("data", "permute"): _reordered,
    ("optimizer", "eps"): _optimizer("eps"),
    ("loop", "penalty"): _loop,
    ("loop", "metric"): lambda program, value: replace(program, metric=accuracy),
    ("loss", "kind"): _loss_kind,
    ("loss", "reduction"): _mean_loss,
    ("loss", "sign"): _sign,
    ("loss", "free_terms"): _weaker_terms,
    ("loss", "class_weights"): _weighted_loss,
    ("loop", "zero_grad"): _loop,
    ("loop", "step"): _loop,
    ("loop", "train"): _loop,
    ("loop", "eval"): _loop,
    ("loop", "epochs"): _epochs,
    ("loop", "clip"): _clip,
    ("scheduler", "every"): _loop,
}
