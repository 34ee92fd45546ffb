"""One ONNX model as one file: names of inputs and outputs, what else there is to know as JSON, written whole.

What a reader needs beside the graph stands in the file's ``metadata_props`` under the key ``netwright``, as canonical
JSON: sorted keys, no spaces. It always has ``netwright`` (the version that wrote it), ``kind``, ``opset``, ``inputs``
and ``outputs`` (of each its name, type, shape with "batch" for the batch axis, and meaning).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netwright import __version__
from netwright.core.atomic import replacing, write_all
from netwright.core.manifest import dumps, plain
from netwright.graph.export.exporter import OPSET

KEY = "netwright"  # in the metadata_props
PRODUCER = "netwright"
SYMBOL = re.compile(r"[a-z]\w*")  # in the size of an axis, such as 32*s7


def name_ends(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give a model's inputs and outputs their names; what else has such a name gets another one.

    Parameters
    ----------
    model : an ONNX model, which is changed.
    inputs, outputs : the names in order.
    """
    wanted = [*inputs, *outputs]
    ends = [item.name for item in (*model.graph.input, *model.graph.output)]
    new = dict(zip(ends, wanted, strict=True))
    for name in {text for message in _messages(model.graph) for text in _names(message)} - set(new):
        if name in wanted:
            new[name] = f"{name}/inner"
    for message in _messages(model.graph):
        if _is_node(message):
            message.input[:] = [new.get(name, name) for name in message.input]
            message.output[:] = [new.get(name, name) for name in message.output]
        else:
            message.name = new.get(message.name, message.name)


def name_axes(model: Any, axes: Sequence[Mapping[int, str]]) -> None:
    """Call the axes of any size by their names, in inputs and outputs and between them.

    Parameters
    ----------
    model : an ONNX model, which is changed.
    axes : of each input, the names by the number of the axis; ``"32*height"`` names what is taken 32 times.
    """
    new: dict[str, str] = {}
    for item, names in zip(model.graph.input, axes, strict=True):
        for axis, name in names.items():
            own = SYMBOL.findall(item.type.tensor_type.shape.dim[axis].dim_param)
            new.update(zip(own, SYMBOL.findall(name), strict=True))
    for item in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in item.type.tensor_type.shape.dim:
            if dim.dim_param:  # to be set clears a number that stands there
                dim.dim_param = SYMBOL.sub(lambda found: new.get(found[0], found[0]), dim.dim_param)


def label_texts(model: Any, name: str, codes: Mapping[str, int], unknown: int = 0) -> None:
    """Let texts come in where a model takes their numbers.

    Parameters
    ----------
    model : an ONNX model, which is changed.
    name : of the input. codes : the number of each known text. unknown : that of any other.
    """
    from onnx import TensorProto, helper

    number = f"{name}/code"
    for node in (message for message in _messages(model.graph) if _is_node(message)):
        node.input[:] = [number if each == name else each for each in node.input]
    end = next(item for item in model.graph.input if item.name == name)
    end.type.tensor_type.elem_type = TensorProto.STRING
    texts, numbers = list(codes), list(codes.values())
    known: dict[str, Any] = {"keys_strings": texts or ["\0"], "values_int64s": numbers or [0], "default_int64": unknown}
    node = helper.make_node("LabelEncoder", [name], [number], name=f"{name}/encoder", domain="ai.onnx.ml", **known)
    nodes = [node, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if all(opset.domain != "ai.onnx.ml" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))


def _messages(graph: Any) -> Iterator[Any]:
    """Everything in a graph that has or uses names of values: nodes, weights, descriptions, graphs within nodes."""
    yield from (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.ByteSize():
                    yield from _messages(inner)


def _is_node(message: Any) -> bool:
    return type(message).__name__ == "NodeProto"


def _names(message: Any) -> list[str]:
    return [*message.input, *message.output] if _is_node(message) else [message.name]


def described(model: Any, meanings: Mapping[str, str]) -> dict[str, Any]:
    """The opset, inputs and outputs of a model, as JSON.

    Parameters
    ----------
    model : an ONNX model.
    meanings : of inputs and outputs, by name.
    """
    ends = {
        side: [
            {"name": item.name, **_form(item.type.tensor_type), "meaning": meanings.get(item.name, "")}
            for item in items
        ]
        for side, items in (("inputs", model.graph.input), ("outputs", model.graph.output))
    }
    return {"opset": OPSET, **ends}


def _form(tensor: Any) -> dict[str, Any]:
    from onnx import TensorProto

    shape = [axis.dim_param or axis.dim_value for axis in tensor.shape.dim]
    return {"type": TensorProto.DataType.Name(tensor.elem_type).lower(), "shape": shape}


def write_model(
    model: Any, path: str | os.PathLike[str], content: Mapping[str, Any], meanings: Mapping[str, str]
) -> None:
    """Write a model and what is known of it; the file is there whole, or what was there before is unchanged.

    Parameters
    ----------
    model : an ONNX model.
    path : the file.
    content : what else a reader needs, as JSON; it has ``kind``.
    meanings : of inputs and outputs, by name.

    Raises
    ------
    OSError : the file cannot be written.
    """
    import onnx

    known = {KEY: __version__, **described(model, meanings), **content}
    model.producer_name, model.producer_version = PRODUCER, __version__
    del model.metadata_props[:]
    model.metadata_props.add(key=KEY, value=dumps(plain(known)))
    for node in model.graph.node:
        del node.metadata_props[:]  # where in the exporting program each node came from, with paths of that machine
        node.doc_string = ""
    for item in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del item.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    with replacing(path) as file:
        write_all(file, data)


def known_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file that `write_model` wrote says of itself.

    Parameters
    ----------
    path : the file.
    """
    import onnx

    model = onnx.load(os.fspath(path))
    known: dict[str, Any] = json.loads(next(item.value for item in model.metadata_props if item.key == KEY))
    return known
