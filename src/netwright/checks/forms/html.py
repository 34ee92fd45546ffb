"""Findings as HTML that can be read by itself: in a notebook, in a report, in a page of its own; without scripts.

Text has the colour of its surroundings and lines are half transparent: one fragment serves light and dark pages,
whatever makes them so. All rules of the style sheet begin with ``.nw-findings`` twice: so they win over those that
notebooks have for tables and lists.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from netwright.checks.forms.rows import Table, table_of, told_in
from netwright.checks.forms.wording import (
    Diagnosed,
    Told,
    counts,
    figure,
    in_order,
    name_of,
    place_of,
    remedy_of,
    sentence,
)

OPEN, OPEN_PLAIN = 6, 40  # rows of the data that are seen at once, in a table and as bare numbers; the rest is folded
SPARE = 5  # rows too few to be folded

_LINE, _SHADE = "rgba(128, 136, 148, 0.32)", "rgba(128, 136, 148, 0.11)"
_STYLE = f"""
& {{ font-size: 14px; line-height: 1.5; text-align: left; max-width: 1120px; font-variant-numeric: tabular-nums; }}
& * {{ box-sizing: border-box; }}
& p, & dl, & dd, & ul, & table {{ margin: 0; padding: 0; max-width: none; }}
& .sum {{ margin: 0 0 10px; font-weight: 600; }}
& .one {{ margin: 0 0 14px; padding: 14px 20px 16px; border: 1px solid {_LINE}; border-left: 4px solid #0072b2;
  border-radius: 8px; overflow-wrap: anywhere; }}
& .one.fault {{ border-left-color: #d1570a; }}
& .head {{ display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 12px; font-size: 13px; }}
& .level {{ padding: 1px 8px; border-radius: 4px; background: #0072b2; color: #fff; font-size: 11px; font-weight: 650;
  letter-spacing: 0.06em; text-transform: uppercase; }}
& .fault .level {{ background: #b84a00; }}
& .where {{ margin-left: auto; opacity: 0.72; }}
& .title {{ margin: 5px 0 12px; font-size: 17px; line-height: 1.3; font-weight: 650; }}
& .body {{ display: flex; flex-wrap: wrap; gap: 14px 36px; align-items: flex-start; }}
& .said {{ flex: 3 1 400px; min-width: 0; max-width: 740px; }}
& .row {{ display: grid; grid-template-columns: 78px minmax(0, 1fr); gap: 0 12px; margin-bottom: 7px; }}
& .row:last-child {{ margin-bottom: 0; }}
& dt {{ margin: 0; padding: 0; float: none; width: auto; font-weight: 400; opacity: 0.72; }}
& dd {{ min-width: 0; }}
& .do dd {{ font-weight: 600; }}
& code {{ padding: 0; background: none; color: inherit; border: 0; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo,
  Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace; white-space: normal; }}
& .remedy {{ display: inline-block; margin: 6px 0 4px; padding: 3px 10px; background: {_SHADE}; border-radius: 5px;
  font-weight: 400; }}
& .side {{ flex: 1 1 190px; min-width: 0; max-width: 320px; }}
& .figures {{ margin-bottom: 8px; padding: 8px 14px 9px; background: {_SHADE}; border-radius: 6px; }}
& table {{ width: 100%; border: 0; border-collapse: collapse; table-layout: auto; color: inherit;
  font-size: 13px; }}
& .figures tr {{ background: none; border: 0; }}
& .figures th, & .figures td {{ padding: 2px 0; border: 0; background: none; color: inherit; font-size: 13px;
  line-height: 1.45; vertical-align: top; text-align: left; }}
& .figures th {{ padding-right: 14px; font-weight: 400; opacity: 0.72; overflow-wrap: break-word; }}
& .figures td {{ text-align: right; }}
& .rows table {{ max-width: 440px; table-layout: fixed; }}
& .rows tr {{ background: none; border: 0; }}
& .rows th, & .rows td {{ padding: 2px 0 2px 10px; border: 0; border-bottom: 1px solid {_LINE}; background: none;
  color: inherit; font-size: 13px; line-height: 1.45; vertical-align: baseline; text-align: right; }}
& .rows th {{ font-size: 12.5px; font-weight: 400; opacity: 0.72; }}
& .rows th:first-child, & .rows td:first-child {{ padding-left: 0; text-align: left; }}
& .rows td:first-child {{ font-weight: 600; }}
& .rows ul {{ display: grid; grid-template-columns: repeat(auto-fill, 54px); padding: 1px 0; font-size: 13px; }}
& .rows li {{ margin: 0; }}
& details {{ margin: 0; padding: 0; }}
& summary {{ padding: 4px 0 2px; font-size: 12.5px; cursor: pointer; opacity: 0.72; }}
& ul {{ list-style: none; }}
& li {{ margin: 0 0 4px; padding: 0; max-width: none; }}
& li code {{ margin-right: 6px; font-weight: 700; }}
& .source {{ padding-left: 14px; opacity: 0.72; font-size: 12.5px; }}
@media print {{ & .one {{ break-inside: avoid; }} }}
"""
# every "&" is the outermost element; nesting itself is not yet known to all browsers
STYLE = re.sub(r"\s*\n\s*", " ", _STYLE.replace("&", ".nw-findings.nw-findings")).strip()


def fragment(diagnosis: Diagnosed) -> str:
    """A diagnosis as HTML, with how many findings there are above them.

    Parameters
    ----------
    diagnosis : what was found.

    Examples
    --------
    >>> from netwright.checks import Diagnosis
    >>> "No findings." in fragment(Diagnosis())
    True
    """
    findings = diagnosis.to_dict()["findings"]
    return cards(findings, counts(findings))


def cards(findings: Sequence[Told], summary: str = "") -> str:
    """Findings as HTML, a card each, the faults first.

    Parameters
    ----------
    findings : as plain data. summary : a line above them.
    """
    above = f'<p class="sum">{_text(summary)}</p>' if summary else ""
    style = f"<style>{STYLE}</style>"
    return f'<div class="nw-findings">{style}{above}{"".join(map(_card, in_order(findings)))}</div>'


def _card(finding: Told) -> str:
    place = place_of(finding)
    where = f'<span class="where">{_text(place)}</span>' if place else ""
    level = "fault" if finding["level"] == "fault" else "note"
    head = f'<span class="level">{level}</span><code>{_text(finding["code"])}</code>{where}'
    title = sentence(finding["title"]).rstrip(".")
    return (
        f'<div class="one {level}"><div class="head">{head}</div><div class="title">{_text(title)}</div>'
        f'<div class="body">{_said(finding)}{_side(finding)}</div></div>'
    )


def _said(finding: Told) -> str:
    remedy = remedy_of(finding)
    code = f'<br><code class="remedy">{_text(remedy)}</code>' if remedy else ""
    rows = [
        _row("Seen", _text(sentence(finding["seen"]))),
        _row("Expected", _text(sentence(finding["expected"]))),
        _row("Why", _text(sentence(finding["why"]))),
        _row("Do", _text(sentence(finding["do"])) + code, "do"),
    ]
    table = table_of(finding)
    if table and not told_in(finding["do"], table):
        rows.append(_row("Rows", _rows(table), "rows"))
    if finding["consequences"]:
        items = [
            f"<li><code>{_text(each['code'])}</code> {_text(sentence(each['seen']))}</li>"
            for each in finding["consequences"]
        ]
        rows.append(_row("Hence", f"<ul>{''.join(items)}</ul>"))
    return f'<dl class="said">{"".join(rows)}</dl>'


def _row(name: str, body: str, kind: str = "") -> str:
    return f'<div class="{f"row {kind}".strip()}"><dt>{name}</dt><dd>{body}</dd></div>'


def _side(finding: Told) -> str:
    """The figures, and who described the cause."""
    used = table_of(finding).used
    rows = [
        f'<tr><th scope="row">{_text(name_of(name))}</th><td>{_text(figure(part))}</td></tr>'
        for name, part in finding["evidence"].items()
        if name not in used
    ]
    table = f'<div class="figures"><table><tbody>{"".join(rows)}</tbody></table></div>' if rows else ""
    source = f'<p class="source">{_text(finding["reference"])}</p>' if finding["reference"] else ""
    return f'<div class="side">{table}{source}</div>' if table or source else ""


def _rows(table: Table) -> str:
    """The rows of the data that are named, the first ones open and the others folded."""
    first = OPEN_PLAIN if table.plain else OPEN
    first = table.count if table.count <= first + SPARE else first
    rest = table.lines[first:]
    left = table.count - len(table.lines)
    unlisted = f", and {left:,} that are not listed" if left else ""
    summary = f"{len(rest):,} more of {table.count:,} rows{unlisted}"
    folded = f"<details><summary>{summary}</summary>{_lines(table, rest, False)}</details>" if rest else ""
    return f"{_lines(table, table.lines[:first])}{folded}"


def _lines(table: Table, lines: Iterable[tuple[str, ...]], titled: bool = True) -> str:
    """Bare numbers as a grid, and what is known of them as a table."""
    if table.plain:
        return f"<ul>{''.join(f'<li>{_text(row)}</li>' for (row,) in lines)}</ul>"
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.names)
    above = f"<thead><tr>{head}</tr></thead>" if titled else ""
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table>{above}<tbody>{body}</tbody></table>"


def _text(item: Any) -> str:
    return html.escape(str(item), quote=True)
