"""A table as HTML for notebooks: plain, readable on light and dark pages, every figure escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = (
    "<style>.nw-table{border-collapse:collapse;font:12px/1.5 system-ui,sans-serif;margin:.5em 0}"
    ".nw-table th{font-weight:600;border-bottom:1.5px solid currentColor;padding:3px 10px;white-space:nowrap}"
    ".nw-table td{padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.22);white-space:nowrap}"
    ".nw-table .nw-n{text-align:right;font-variant-numeric:tabular-nums}"
    ".nw-table .nw-t{text-align:left}"
    ".nw-table code{font-size:11.5px;background:none;padding:0;color:inherit}"
    ".nw-table .nw-how td{opacity:.72;padding-left:28px;border-bottom:none;white-space:normal}"
    ".nw-totals{font:12px/1.5 system-ui,sans-serif;margin:.2em 0 .8em}</style>"
)


def table_html(
    headings: Sequence[str],
    lines: Sequence[Sequence[str]],
    notes: Sequence[str],
    totals: Sequence[str],
    left: int,
    titles: Sequence[str],
) -> str:
    """The HTML of a table.

    Parameters
    ----------
    headings : of the columns.
    lines : the texts of each row.
    notes : a text below each row, or "".
    totals : lines below the table.
    left : how many columns are texts, the first one a name and the second one code; the others are numbers.
    titles : the full text of the second column of each row, shown on hovering.
    """
    kinds = ["nw-t" if place < left else "nw-n" for place in range(len(headings))]
    head = "".join(f'<th class="{kind}">{escape(text)}</th>' for kind, text in zip(kinds, headings, strict=True))
    body = []
    for line, note, title in zip(lines, notes, titles, strict=True):
        texts = [f"<code>{escape(text)}</code>" if place < 2 else escape(text) for place, text in enumerate(line)]
        tips = [f' title="{escape(title)}"' if place == 1 and title != line[1] else "" for place in range(len(line))]
        body.append(
            "<tr>" + "".join(f'<td class="{k}"{tip}>{t}</td>' for k, tip, t in zip(kinds, tips, texts, strict=True))
        )
        if note:
            body.append(f'<tr class="nw-how"><td class="nw-t" colspan="{len(headings)}">{escape(note)}</td>')
    below = "<br>".join(map(escape, totals))
    rows = "</tr>".join(body)
    return (
        f'{_STYLE}<table class="nw-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tr></tbody></table>'
        f'<p class="nw-totals">{below}</p>'
    )
