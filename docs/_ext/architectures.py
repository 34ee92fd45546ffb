"""The tables of architectures, ```` ```{architectures} small ````: figures of the models, and the literature's."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from literature import table


class Architectures(SphinxDirective):
    """The table of a name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table, parsed as the page is."""
        holder = nodes.container(classes=["architectures"])
        lines = StringList(list(table(self.arguments[0])), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, holder)
        return [holder]


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_directive("architectures", Architectures)
    return {"parallel_read_safe": True}
