"""XML files as trees, by the standard library's parser; entities, by which a small file becomes huge, are refused.

A document type may declare entities, and one that stands for many of another, ten levels deep, fills the memory ("a
billion laughs"); another may name a file. Annotations need neither, so a declaration ends the reading at once. Nothing
outside of the file is ever loaded.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from netwright.core.errors import InvalidData, problem


def read_xml(file: Path) -> Element:
    """The root of the tree in a file.

    Parameters
    ----------
    file : its path.

    Raises
    ------
    InvalidData : no such file, broken XML (with line and column), or a file that declares entities; with its name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "1.xml"
    >>> _ = file.write_text("<annotation><size><width>8</width></size></annotation>")
    >>> read_xml(file).findtext("size/width")
    '8'
    """
    where = str(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidData(problem(where, "a file that can be read", error.strerror or str(error))) from error
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def refuse(name: str, *_: object) -> None:
        remedy = "Write the text itself in its place."
        raise InvalidData(problem(where, "XML that declares no entities", f"the entity {name!r}", remedy))

    parser.buffer_text = True
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, InvalidData):
            raise
        raise InvalidData(problem(where, "well-formed XML", str(error) or type(error).__name__)) from error
    return builder.close()
