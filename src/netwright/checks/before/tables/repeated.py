"""Whether rows that are there twice are copies, or equal by chance, as rows of a few values are.

How often the values of a row come together by chance is counted among the rows most like it, each distinct row once,
as the product of the shares of its values in its columns::

    expected = neighbours * product over columns of (1 + neighbours with that value) / (1 + neighbours)
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict

import torch
from torch import Tensor

from netwright.checks.neighbours import evenly
from netwright.checks.reading import Batch, leaves

LOOKED_AT = 200  # held-out rows
DISTINCT = 50  # rows, below which what is like a row is far from it
MOST_DISTINCT = 3000
AROUND = 30  # rows most like one
LEVELS = 8  # of a column that more than a few values can be in
RICH = 3  # such columns
MOST_COLUMNS = 2000
FEW = 10  # pairs
ON_A_LINE = 0.9999  # correlation of targets that differ by their scale
BY_CHANCE = 0.1  # of the pairs that have another target by chance, those that may where rows are copies


def keys(structure: object, n: int) -> list[bytes]:
    """A digest of what belongs to each row; none where there is only one number a row, which says little.

    Parameters
    ----------
    structure : of tensors. n : rows.
    """
    parts = [tensor.detach().reshape(len(tensor), -1) for tensor in leaves(structure) if len(tensor) == n]
    return [] if sum(part.shape[1] for part in parts) < 2 else _digests(parts)


def _digests(parts: list[Tensor]) -> list[bytes]:
    plain = [part.resolve_conj().resolve_neg().cpu().contiguous().view(torch.uint8) for part in parts]
    arrays = [part.numpy() for part in plain if part.shape[1]]
    return [
        hashlib.blake2b(b"".join(array[row].tobytes() for array in arrays), digest_size=12).digest()
        for row in range(len(plain[0]))
    ]


def same_targets(both: tuple[Batch, Batch], own: list[bytes], held: list[bytes]) -> bool:
    """Whether rows that are in training and held out have the same target there, as copies do.

    What is measured again under the same conditions gives other numbers, and other classes as often as chance has it.

    Parameters
    ----------
    both : training and held-out rows. own, held : their digests.
    """
    n = len(own), len(held)
    parts = [[t.detach().reshape(len(t), -1).cpu() for t in leaves(batch.target)] for batch in both]
    strange = any(len(t) != size or t.is_complex() for part, size in zip(parts, n, strict=True) for t in part)
    if strange or not all(parts):
        return True  # a target is no row's own
    first, second = (torch.cat([t.double() for t in part], 1) for part in parts)
    if first.shape[1] != second.shape[1] or not first.shape[1]:
        return True
    targets = _digests([first]), _digests([second])
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(own):
        rows_of[key].append(row)
    pairs = [(rows_of[key], row) for row, key in enumerate(held) if key in rows_of]
    other = sum({targets[0][each] for each in rows} != {targets[1][row]} for rows, row in pairs) / max(len(pairs), 1)
    shares = [count / n[0] for count in Counter(targets[0]).values()]
    if other <= BY_CHANCE * (1 - sum(share**2 for share in shares)):
        return True
    # a target of numbers may be on another scale in the one part
    one = torch.stack([torch.stack([first[rows[0], 0], second[row, 0]]) for rows, row in pairs], 1)
    return len(pairs) >= FEW and float(torch.corrcoef(one)[0, 1]) > ON_A_LINE


def by_chance(both: tuple[Batch, Batch], own: list[bytes], held: list[bytes]) -> float:
    """The share of held-out rows that training would hold by chance; 1 where the columns do not tell.

    Parameters
    ----------
    both : training and held-out rows. own, held : their digests.
    """
    first = {key: row for row, key in reversed(list(enumerate(own)))}
    X, Z = (_columns(batch, len(found)) for batch, found in zip(both, (own, held), strict=True))
    if X is None or Z is None or len(first) < DISTINCT or X.shape[1] != Z.shape[1]:
        return 1.0
    rows = torch.tensor(sorted(first.values()))
    X = X[rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_DISTINCT]]]
    varied = X.amin(0) < X.amax(0)
    X, Z = X[:, varied], evenly(Z, LOOKED_AT)[:, varied]
    rich = [column for column in X.T if len(torch.unique(column)) >= LEVELS]
    if len(rich) < RICH:
        return 1.0
    times = len(rows) / len(X)
    return sum(min(1.0, times * _expected(X, row)) for row in Z) / len(Z)


def _columns(batch: Batch, n: int) -> Tensor | None:
    """The columns of real numbers or of pictures; None where there are tokens or names, of which phrases come back."""
    parts = [tensor for tensor in leaves(batch.inputs) if len(tensor) == n]
    if any(not (t.is_floating_point() or (t.dtype == torch.uint8 and t.ndim > 2)) for t in parts):
        return None
    X = torch.cat([tensor.detach().reshape(n, -1).cpu().double() for tensor in parts], 1)
    return X if X.shape[1] <= MOST_COLUMNS and bool(torch.isfinite(X).all()) else None


def _expected(X: Tensor, row: Tensor) -> float:
    """How many rows equal one by chance, as far as those tell that are most like it."""
    same = torch.eq(X, row)
    alike = same.sum(1)
    alike[alike == X.shape[1]] = -1  # itself
    near = same[alike.topk(min(AROUND, len(X) - 1)).indices]
    shares = (1 + near.double().sum(0)) / (1 + len(near))
    return len(near) * math.exp(float(shares.log().sum()))
