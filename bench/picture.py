"""Bars as SVG: one below the other, each of one part or of several."""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, ROW, NAMES, LENGTH = 860, 30, 276, 480
"""Pixels: of the picture, of a row's height, left of the bars, and of the longest bar."""


class Part(NamedTuple):
    """A part of a bar."""

    name: str
    length: float
    colour: str


class Bar(NamedTuple):
    """A bar, and what stands before and after it."""

    name: str
    parts: Sequence[Part]
    label: str


def picture(bars: Sequence[Bar], title: str) -> str:
    """Draw the bars, in one scale, and what the colours of their parts mean if they differ."""
    longest = max(sum(part.length for part in bar.parts) for bar in bars)
    named = {part.name: part.colour for bar in bars for part in bar.parts if part.name}
    height = ROW * (len(bars) + 2) + 24 * ((len(named) + 2) // 3)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="28" font-weight="bold">{title}</text>',
    ]
    for number, bar in enumerate(bars):
        y, x = ROW * (number + 2) - 8, float(NAMES + 10)
        drawn.append(f'<text x="{NAMES}" y="{y + 16}" text-anchor="end">{bar.name}</text>')
        for part in bar.parts:
            width = part.length / longest * LENGTH
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{part.colour}"/>'
            )
            x += width
        drawn.append(f'<text x="{x + 8:.0f}" y="{y + 16}">{bar.label}</text>')
    for number, (name, colour) in enumerate(named.items()):
        x, y = 16 + 280 * (number % 3), ROW * (len(bars) + 2) + 24 * (number // 3)
        drawn += [
            f'<rect x="{x}" y="{y - 6}" width="14" height="14" fill="{colour}"/>',
            f'<text x="{x + 20}" y="{y + 6}">{name}</text>',
        ]
    return "\n".join([*drawn, "</svg>", ""])
