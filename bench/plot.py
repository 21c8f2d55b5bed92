"""``python -m bench.plot``: draws saved results as one SVG, each worker's figures beside the floor and the others."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from bench.command_line import command_parser
from bench.digits import three_digits
from bench.report import Compared, read

EXPLANATION = """
One bar for each worker, in the order in which they were measured, and a grey one for the floor; a scale for each unit
of each file. Light or dark is what the reader's system prefers.
"""
FLOOR = "floor"
_BARS_WIDTH, _FIGURE_WIDTH = 430, 70
_CHARACTER = 7.5  # a wide one's width in the font of 13 pixels
_BOLD_CHARACTER = 8
_BAR, _GAP, _LINE, _MARGIN = 14, 10, 22, 16
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .quiet { fill: #59636e }
  .paper { fill: #ffffff } .floor { fill: #afb8c1 }
  .s0 { fill: #0969da } .s1 { fill: #bc4c00 } .s2 { fill: #1a7f37 } .s3 { fill: #8250df } .s4 { fill: #bf3989 }
  .pale { opacity: 0.6 } .paler { opacity: 0.3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .paper { fill: #0d1117 } .floor { fill: #656c76 }
    .s0 { fill: #4493f8 } .s1 { fill: #db6d28 } .s2 { fill: #3fb950 } .s3 { fill: #ab7df8 } .s4 { fill: #db61a2 }
  }
"""
_COLOURS = 5
_SHADES = ("", " pale", " paler")


def draw(compared: Sequence[Compared], title: str) -> str:
    """An SVG of all of it.

    Args:
        compared: What to draw; those of one unit that follow each other share a scale.
        title: Above it; long lines are folded.
    """
    series = list(dict.fromkeys(name for each in compared for name in each.figures if name != FLOOR))
    classes = {FLOOR: "floor"} | {name: _colour(index) for index, name in enumerate(series)}
    drawing = _Drawing(classes, max((len(each.what) for each in compared), default=0))
    drawing.title(title)
    drawing.legend(name for name in classes if any(name in each.figures for each in compared))
    for unit, group in groupby(compared, key=lambda each: each.unit):
        drawing.panel(unit, list(group))
    return drawing.text()


def _colour(index: int) -> str:
    """Classes of the style; those of the sixteenth are the first one's again."""
    return f"s{index % _COLOURS}{_SHADES[index // _COLOURS % len(_SHADES)]}"


class _Drawing:
    """SVG that grows downwards."""

    def __init__(self, classes: dict[str, str], longest_label: int) -> None:
        self._classes = classes
        self._bars_x = _MARGIN + round(longest_label * _CHARACTER) + _GAP
        self._width = self._bars_x + _BARS_WIDTH + _FIGURE_WIDTH
        self._parts: list[str] = []
        self._y = _MARGIN

    def title(self, words: str) -> None:
        """Lines that are as long as there is room."""
        for line in words.splitlines():
            for part in textwrap.wrap(line, int((self._width - 2 * _MARGIN) / _BOLD_CHARACTER)):
                self._line(part, "title")

    def legend(self, names: Iterable[str]) -> None:
        """Which colour is whose; names that find no room go on in the next line."""
        x = _MARGIN
        for name in names:
            width = 40 + 8 * len(name)
            if x > _MARGIN and x + width > self._width:
                x = _MARGIN
                self._y += _LINE
            self._bar(name, x, _BAR)
            self._parts.append(f'<text x="{x + _BAR + 6}" y="{self._y + _BAR - 2}">{escape(name)}</text>')
            x += width
        self._y += _LINE

    def panel(self, unit: str, group: Sequence[Compared]) -> None:
        """What has one unit, on one scale that begins with 0."""
        self._line(unit, "quiet")
        longest = max((value for each in group for value in each.figures.values()), default=0) or 1
        for each in group:
            self._parts.append(f'<text x="{_MARGIN}" y="{self._y + _BAR - 2}">{escape(each.what)}</text>')
            for name, value in each.figures.items():
                width = max(value, 0) / longest * _BARS_WIDTH
                self._bar(name, self._bars_x, width)
                x = self._bars_x + width + 6
                self._parts.append(
                    f'<text class="quiet" x="{x:.1f}" y="{self._y + _BAR - 2}">{three_digits(value)}</text>'
                )
                self._y += _BAR + 2
            self._y += _GAP

    def text(self) -> str:
        """All of it."""
        width, height = self._width, self._y + _MARGIN
        size = f'width="{width}" height="{height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img">'
        paper = f'<rect class="paper" {size}/>'
        return "\n".join([head, f"<style>{_STYLE}</style>", paper, *self._parts, "</svg>", ""])

    def _line(self, words: str, kind: str) -> None:
        """A line of text."""
        self._parts.append(f'<text class="{kind}" x="{_MARGIN}" y="{self._y + _BAR}">{escape(words)}</text>')
        self._y += _LINE

    def _bar(self, name: str, x: float, width: float) -> None:
        self._parts.append(
            f'<rect class="{self._classes[name]}" x="{x:.1f}" y="{self._y}" width="{width:.1f}" height="{_BAR}">'
            f"<title>{escape(name)}</title></rect>"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads, draws and writes. Exits with 2 when a file is no result."""
    parser = command_parser("bench.plot", __doc__, EXPLANATION)
    parser.add_argument("results", nargs="+", type=Path, help="files that the benchmarks wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="SVG", help="where to draw")
    parser.add_argument("--title", help="above it (default: the commands)")
    options = parser.parse_args(arguments)
    try:
        results = [read(path) for path in options.results]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    compared = [each for result in results for each in result.compared]
    if not compared:
        parser.error("nothing to draw in these files: they were written before benchmarks could be drawn")
    options.output.write_text(draw(compared, options.title or "\n".join(result.command for result in results)))
    print(f"drawn to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
