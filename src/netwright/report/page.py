"""The page round a report: one HTML document with its style sheet inside, no script, no address of anything outside.

Texts become HTML in this file only, by `text`; what the other functions take as `body` or `cells` is HTML already.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5c6670; --line: #dfe3e8; --paper: #ffffff; --panel: #f6f7f9;
  --blue: #0072b2; --bad: #b84a00; --shade: 0, 114, 178;
  --sans: "Inter", "Helvetica Neue", "Segoe UI", "Liberation Sans", Arial, system-ui, sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #9aa5b1; --line: #353c44; --paper: #14181c;
  --panel: #1c2228; --blue: #56b4e9; --bad: #ff8f4d; --shade: 86, 180, 233; }
  .lines svg { color: #1c2127; filter: invert(1) hue-rotate(180deg); } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 var(--sans);
  font-variant-numeric: tabular-nums; }
main { max-width: 1120px; margin: 0 auto; padding: 44px 40px 64px; }
h1 { margin: 0 0 6px; font-size: 32px; line-height: 1.2; letter-spacing: -0.015em; font-weight: 650;
  overflow-wrap: anywhere; }
h2 { margin: 0 0 4px; font-size: 20px; line-height: 1.3; letter-spacing: -0.01em; font-weight: 650; }
h3 { margin: 30px 0 6px; font-size: 14.5px; font-weight: 650; }
h2 + h3, p + h3, .columns > div > h3:first-child { margin-top: 14px; }
p { margin: 0 0 14px; max-width: 96ch; }
.soft, .lead { color: var(--soft); }
.lead { font-size: 16.5px; margin-bottom: 26px; }
.kicker { margin: 0 0 10px; color: var(--blue); font-size: 12.5px; font-weight: 650; letter-spacing: 0.09em;
  text-transform: uppercase; }
section { margin-top: 46px; padding-top: 26px; border-top: 1px solid var(--line); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 14px; }
.card { padding: 15px 18px 13px; background: var(--panel); border: 1px solid var(--line); border-radius: 10px; }
.card dt { color: var(--soft); font-size: 13px; }
.card dd { margin: 3px 0 0; font-size: 26px; line-height: 1.2; font-weight: 620; letter-spacing: -0.02em;
  white-space: nowrap; }
.card dd + dd { margin-top: 2px; color: var(--soft); font-size: 13px; font-weight: 400; letter-spacing: 0;
  white-space: normal; }
.card.first { border-color: var(--blue); }
.card.first dd:first-of-type { color: var(--blue); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); gap: 30px 40px;
  align-items: start; }
.beside { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0 32px; align-items: start; }
@media (max-width: 900px) { .beside { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 14px 0 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; stroke-linejoin: round; }
figure svg text { font-family: var(--sans); font-variant-numeric: tabular-nums; }
figure svg image { image-rendering: pixelated; }
figcaption { margin-top: 8px; color: var(--soft); font-size: 13px; max-width: 96ch; }
.scroll { overflow-x: auto; margin-top: 14px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { color: var(--soft); font-weight: 600; font-size: 12.5px; text-align: left; vertical-align: bottom; }
th, td { padding: 6px 18px 6px 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
tfoot td { border-bottom: 0; font-weight: 600; }
td { vertical-align: top; overflow-wrap: anywhere; }
.many { min-width: 620px; }
.many td { overflow-wrap: break-word; }
.n { text-align: right; white-space: nowrap; overflow-wrap: normal; }
.bad { color: var(--bad); }
.bar { background: linear-gradient(to right, rgba(var(--shade), 0.2) var(--share), transparent var(--share)) no-repeat
  left center / 100% 21px content-box; padding-left: 14px; }
.wide { max-width: 900px; }
code, pre { font-family: var(--mono); font-size: 12.5px; }
pre { margin: 14px 0 0; padding: 13px 16px; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6; }
ul { margin: 14px 0 0; padding-left: 20px; }
li { margin-bottom: 5px; max-width: 88ch; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 18px 16px; margin: 14px 0 0;
  padding: 0; list-style: none; }
.tiles li { margin: 0; font-size: 13px; line-height: 1.4; }
.tiles img { display: block; width: 100%; margin-bottom: 7px; border-radius: 6px; border: 1px solid var(--line);
  background: var(--panel); }
.tiles img.small { image-rendering: pixelated; }
.tiles span { display: block; color: var(--soft); }
.tiles b { font-weight: 600; overflow-wrap: anywhere; }
dl { margin: 0; }
footer { margin-top: 46px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; }
@media (max-width: 700px) { main { padding: 26px 18px 40px; } h1 { font-size: 26px; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --panel: #fff;
    --blue: #0072b2; --bad: #b84a00; --shade: 0, 114, 178; }
  @page { margin: 16mm; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  section { margin-top: 22px; padding-top: 14px; } h2, h3 { break-after: avoid; }
  figure, .card, tr, .tiles li { break-inside: avoid; }
  .lines svg { color: inherit; filter: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def text(item: Any) -> str:
    """Anything as HTML text, also inside of attributes."""
    return html.escape(str(item), quote=True)


def document(title: str, body: str) -> str:
    """The whole page; `title` is a text."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, lead: str, *parts: str) -> str:
    """A section with its heading, a sentence about it, and HTML."""
    sentence = f'<p class="soft">{text(lead)}</p>' if lead else ""
    return f"<section>\n<h2>{text(heading)}</h2>\n{sentence}\n" + "\n".join(filter(None, parts)) + "\n</section>"


def columns(*parts: str) -> str:
    """HTML side by side where there is room."""
    present = [f"<div>{part}</div>" for part in parts if part]
    return f'<div class="columns">{"".join(present)}</div>' if present else ""


def beside(left: str, right: str) -> str:
    """A narrow part and a wide one, side by side where there is room."""
    return f'<div class="beside"><div>{left}</div><div>{right}</div></div>'


def titled(heading: str, body: str) -> str:
    """HTML below a small heading; nothing where there is none."""
    return f"<h3>{text(heading)}</h3>{body}" if body else ""


def figure(svg: str, caption: str = "", lines: bool = False) -> str:
    """A picture with its caption; `lines` are turned light on a dark page, each in its own hue."""
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    kind = ' class="lines"' if lines else ""
    return f"<figure{kind}>{svg}{below}</figure>" if svg else ""


def cards(items: Iterable[tuple[str, str, str]]) -> str:
    """Key figures as (name, figure, remark) texts; the first one stands out."""
    made = []
    for place, (name, number, remark) in enumerate(items):
        more = f"<dd>{text(remark)}</dd>" if remark else ""
        kind = "card first" if place == 0 else "card"
        made.append(f'<div class="{kind}"><dt>{text(name)}</dt><dd>{text(number)}</dd>{more}</div>')
    return f'<dl class="cards">{"".join(made)}</dl>'


def table(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], numeric: Sequence[int] = (), foot: Sequence[Any] = ()
) -> str:
    """A table of texts; the columns in `numeric` stand at the right. A cell may be a `Cell` or `Markup`."""
    kinds = [' class="n"' if place in numeric else "" for place in range(len(headings))]
    head = "".join(f"<th{kind}>{text(name)}</th>" for kind, name in zip(kinds, headings, strict=True))
    above = f"<thead><tr>{head}</tr></thead>" if any(headings) else ""
    body = "".join(f"<tr>{''.join(map(_cell, row, kinds))}</tr>" for row in rows)
    below = f"<tfoot><tr>{''.join(map(_cell, foot, kinds))}</tr></tfoot>" if foot else ""
    many = ' class="many"' if len(headings) > 5 else ""
    return f'<div class="scroll"><table{many}>{above}<tbody>{body}</tbody>{below}</table></div>'


class Cell(str):
    """A text for a table's cell with a share in [0, 1] that is drawn as a bar behind it."""

    share: float = 0.0

    @classmethod
    def of(cls, content: str, share: float) -> Cell:
        """The cell of a text and a share."""
        made = cls(content)
        made.share = min(max(share, 0.0), 1.0) if share == share else 0.0
        return made


class Markup(str):
    """HTML for a table's cell, which goes into the page as it is."""


def _cell(item: Any, kind: str) -> str:
    if isinstance(item, Markup):
        return f"<td{kind}>{item}</td>"
    if isinstance(item, Cell):
        return f'<td class="n bar" style="--share:{100 * item.share:.1f}%">{text(item)}</td>'
    return f"<td{kind}>{text(item)}</td>"


def bullets(items: Iterable[str]) -> str:
    """A list of sentences."""
    made = "".join(f"<li>{text(item)}</li>" for item in items)
    return f"<ul>{made}</ul>" if made else ""
