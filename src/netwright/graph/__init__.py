"""The expression: composing networks, planning, summing up, building, parsing, saving them."""

# the expression
from netwright.graph.card import Card
from netwright.graph.expression import (
    Block,
    Chain,
    Expression,
    Input,
    Layer,
    Node,
    Parallel,
    Plan,
    begins_with_input,
    close,
    refuse,
)

from netwright.graph.joining import join, parallel, repeat

# the plan and what reads it
from netwright.graph.plan import opened, plan_of
from netwright.graph.cutting import cut, cut_module
from netwright.graph.building import Branches, ManyInputs, build
from netwright.graph.window import Window, sliding
from netwright.graph.explain import Sliding
from netwright.graph.observer import Observer, Step
from netwright.graph.table import Row, Shape, Summary
from netwright.graph.summary import analyze, summarize

# to and from text and files
from netwright.graph.parsing import parse, parse_value
from netwright.graph.saving import save_network

# to other programs
from netwright.graph.export.network import export_network
from netwright.graph.source.network import to_torch_source

__all__ = [
    "Block",
    "Branches",
    "Card",
    "Chain",
    "Expression",
    "Input",
    "Layer",
    "ManyInputs",
    "Node",
    "Observer",
    "Parallel",
    "Plan",
    "Row",
    "Shape",
    "Sliding",
    "Step",
    "Summary",
    "Window",
    "analyze",
    "begins_with_input",
    "build",
    "close",
    "cut",
    "cut_module",
    "export_network",
    "join",
    "opened",
    "parallel",
    "parse",
    "parse_value",
    "plan_of",
    "refuse",
    "repeat",
    "save_network",
    "sliding",
    "summarize",
    "to_torch_source",
]
