"""skorch on the workloads: NeuralNetClassifier as it comes, and tuned by hand.

    python benchmarks/peer_skorch.py a [--variant default|tuned]

`tuned` has no printed table, a loader that indexes whole batches, and a fused optimizer.
"""

from __future__ import annotations

from typing import Any

import torch
from contender import Clock, accuracy, serve
from raw import network
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from workloads import Workload, settings


class Tick(Callback):
    """Calls the clock after each epoch."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        self.clock.tick()


def by_batches(dataset: Any, batch_size: int, shuffle: bool = False, **_: Any) -> torch.utils.data.DataLoader:
    """A DataLoader whose items are whole batches."""
    rows = torch.utils.data.RandomSampler(dataset) if shuffle else torch.utils.data.SequentialSampler(dataset)
    batches = torch.utils.data.BatchSampler(rows, batch_size, drop_last=False)
    return torch.utils.data.DataLoader(dataset, sampler=batches, batch_size=None)


class Rows(torch.utils.data.Dataset):
    """Tensors that can be indexed by a list of rows."""

    def __init__(self, X: Any, y: Any = None) -> None:
        self.X = torch.as_tensor(X)
        self.y = torch.zeros(len(X)) if y is None else torch.as_tensor(y)  # none in prediction

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, i: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return self.X[i], self.y[i]


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Fit a NeuralNetClassifier; gives the accuracy on the held-out rows."""
    torch.manual_seed(0)
    how = settings(work)
    rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[how.pop("rule")]
    options: dict[str, Any] = {f"optimizer__{name}": item for name, item in how.items() if name != "lr"}
    tuned = variant == "tuned"
    kind = Rows if tuned else Dataset
    if tuned:
        options.update(verbose=0, iterator_train=by_batches, iterator_valid=by_batches, optimizer__fused=True)
    net = NeuralNetClassifier(
        network(work),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=rule,
        lr=how["lr"],
        max_epochs=work.epochs,
        batch_size=work.batch_size,
        iterator_train__shuffle=True,
        train_split=predefined_split(kind(work.X_held, work.y_held)) if work.validates else None,
        dataset=kind,
        callbacks=[Tick(clock)],
        classes=list(range(work.classes)),
        **options,
    )
    clock.start()
    net.fit(work.X, work.y)
    return accuracy(net.predict(work.X_held), work.y_held)


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train, ("default", "tuned"), ("skorch", "torch"))
