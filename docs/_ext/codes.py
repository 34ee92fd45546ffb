"""Tables of codes of findings, ```` ```{codes} ````: each with its page, its title, and when it comes.

A line of the content is a code, or a code, a colon and the other times at which it comes:

    dead-units: during
    filters-noise
"""

from __future__ import annotations

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from netwright.checks import CODES


class Codes(SphinxDirective):
    """The table of the codes that it names, in the order from the root cause to the symptom."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The table, parsed as the page is."""
        parts = [line.partition(":") for line in self.content if line.strip()]
        also = {name.strip(): times.strip() for name, _, times in parts}
        unknown = also.keys() - CODES.keys()
        if unknown:
            raise self.error(f"there is no code {', '.join(sorted(unknown))}")
        rows = [
            [f"{{doc}}`{code.name} </checks/{code.name}>`", code.title, also[code.name]]
            for code in CODES.values()
            if code.name in also
        ]
        table = [["code", "the cause", "also"], ["---"] * 3, *rows]
        lines = [f"| {' | '.join(row)} |" for row in table]
        holder = nodes.container(classes=["codes"])
        content = StringList(lines, source=self.env.docname)
        self.state.nested_parse(content, self.content_offset, holder)
        return [holder]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_directive("codes", Codes)
    return {"parallel_read_safe": True}
