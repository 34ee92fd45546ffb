"""Lightning on the workloads: a Trainer as it comes, and with barebones=True.

    python benchmarks/peer_lightning.py a [--variant default|barebones]

`default` has the progress bar (of tqdm), the CSV logger and the checkpoint that Trainer makes by itself, and logs its
losses.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from typing import Any

import lightning
import torch
from contender import Clock, accuracy, serve
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from raw import network, optimizer
from torch.utils.data import DataLoader, TensorDataset
from workloads import Workload


class Task(lightning.LightningModule):
    """The network of a workload with its loss and its rule."""

    def __init__(self, work: Workload, logs: bool) -> None:
        super().__init__()
        self.work, self.logs, self.net = work, logs, network(work)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        x, t = batch
        loss = torch.nn.functional.cross_entropy(self.net(x), t)
        if self.logs:
            self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        x, t = batch
        output = self.net(x)
        loss, right = torch.nn.functional.cross_entropy(output, t), (output.argmax(1) == t).float().mean()
        if self.logs:
            self.log_dict({"validation_loss": loss, "validation_score": right})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimizer(self.work, self.parameters())


class Tick(Callback):
    """Calls the clock after each epoch, validation included."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self.clock.tick()


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Fit by a Trainer; gives the accuracy on the held-out rows."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    X, y, X_held, y_held = map(torch.from_numpy, (work.X, work.y, work.X_held, work.y_held))
    rows = DataLoader(TensorDataset(X, y), batch_size=work.batch_size, shuffle=True)
    held = DataLoader(TensorDataset(X_held, y_held), batch_size=work.batch_size) if work.validates else None
    bare = variant == "barebones"
    with tempfile.TemporaryDirectory() as folder:
        task = Task(work, logs=not bare)
        trainer = lightning.Trainer(
            max_epochs=work.epochs,
            accelerator="cpu",
            devices=1,
            default_root_dir=folder,
            barebones=bare,
            callbacks=[Tick(clock)] if bare else [Tick(clock), TQDMProgressBar()],
        )
        clock.start()
        trainer.fit(task, rows, held)
    with torch.no_grad():
        return accuracy(task.eval()(X_held).argmax(1).numpy(), work.y_held)


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train, ("default", "barebones"), ("lightning", "torch"))
