"""The table of all codes of findings, ```` ```{codes} ````: each with its page, its title and why it matters."""

from __future__ import annotations

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from netwright.checks import CODES


class Codes(SphinxDirective):
    """The table, from the root cause to the symptom."""

    def run(self) -> list[nodes.Node]:
        """The table, parsed as the page is."""
        rows = [
            f"| {{doc}}`{code.name} </checks/{code.name}>` | {code.title} | {code.why} |"
            for code in CODES.values()
        ]
        lines = ["| code | the cause | what it does |", "|---|---|---|", *rows]
        holder = nodes.container(classes=["codes"])
        content = StringList(lines, source=self.env.docname)
        self.state.nested_parse(content, self.content_offset, holder)
        return [holder]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_directive("codes", Codes)
    return {"parallel_read_safe": True}
