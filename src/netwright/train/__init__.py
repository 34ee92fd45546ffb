"""The loop and what belongs to it: batches, flat parameters, events, history, stopping, averaging."""

# the loop
from netwright.train.run import Run
from netwright.train.loop import train
from netwright.train.evaluation import evaluate, forward

# which learning rate it begins with
from netwright.train.lr_finder import range_test
from netwright.train.ramp import RangeTest

# what it runs on
from netwright.train.batches import Batches, bounds, order
from netwright.train.flat import Flat, Segment
from netwright.train.precision import Precision, choose_device, has_convolution, placed
from netwright.train.device import Devices, Group
from netwright.core.generations import Checkpoints
from netwright.train.processes.launching import launch

# what listens to it
from netwright.train.events import EVENTS, listeners
from netwright.train.history import History
from netwright.train.progress import Progress
from netwright.train.tensorboard import TensorBoard

__all__ = [
    "EVENTS",
    "Batches",
    "Checkpoints",
    "Devices",
    "Flat",
    "Group",
    "History",
    "Precision",
    "Progress",
    "RangeTest",
    "Run",
    "Segment",
    "TensorBoard",
    "bounds",
    "choose_device",
    "evaluate",
    "forward",
    "has_convolution",
    "launch",
    "listeners",
    "order",
    "placed",
    "range_test",
    "train",
]
