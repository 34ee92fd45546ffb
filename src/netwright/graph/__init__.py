"""The expression: composing networks, planning, summing up, building, parsing, saving them."""

# the expression
from netwright.graph.expression import (
    Chain,
    Expression,
    Input,
    Layer,
    Node,
    Parallel,
    Plan,
    begins_with_input,
    join,
    parallel,
    refuse,
    repeat,
)

# the plan and what reads it
from netwright.graph.plan import plan_of
from netwright.graph.building import Branches, ManyInputs, build
from netwright.graph.observer import Observer, Window
from netwright.graph.table import Row, Shape, Summary
from netwright.graph.summary import analyze, summarize

# to and from text and files
from netwright.graph.parsing import parse, parse_value
from netwright.graph.saving import save_network

__all__ = [
    "Branches",
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
    "Summary",
    "Window",
    "analyze",
    "begins_with_input",
    "build",
    "join",
    "parallel",
    "parse",
    "parse_value",
    "plan_of",
    "refuse",
    "repeat",
    "save_network",
    "summarize",
]
