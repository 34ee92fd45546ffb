"""The options of ``netwright export``; this file loads neither torch nor NumPy."""

from __future__ import annotations

import argparse

from netwright.commands.argument_types import count

SUMMARY = "write a model for programs without netwright: as one ONNX file, or its network as Python"
EXAMPLES = (
    "export runs/digits-1",
    "export model.nw -o app/model.onnx",
    "export tagger.nw --steps 40",
    "export runs/digits-1 --source -o net.py",
)


def add_export(parser: argparse.ArgumentParser) -> None:
    """Say which model, as what, and where it goes."""
    parser.add_argument("model", metavar="MODEL", help="a model file, or the folder of a run")
    out = "file to write, replaced if it is there (default: MODEL.onnx beside the model; of --source standard output)"
    parser.add_argument("-o", "--out", metavar="FILE", help=out)
    steps = "to how many steps sequences are filled up; recurrent networks need it (default: any number)"
    parser.add_argument("--steps", metavar="N", type=count, help=steps)
    parser.add_argument("--source", action="store_true", help="the network as a module of torch that stands alone")
