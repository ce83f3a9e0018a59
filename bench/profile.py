"""Where the time of a verification goes, as a picture: `.venv/bin/python -m bench.profile`.

Samples the server with py-spy (`pip install py-spy`, in any environment) while wrk sends
verifications, on PostgreSQL if there is one, and writes `bench/verify.svg`.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.load import HERE, VERIFY, Bench, databases, wrk

LAYERS = {
    "HTTP: uvicorn, httptools": r"uvicorn/|h11/|httptools/|cli/",
    "Starlette, headers": r"starlette/|api/(app|client_address)\.py",
    "GraphQL: Strawberry, graphql-core": r"strawberry/|graphql/|api/",
    "database: Tortoise, asyncpg": r"tortoise/|asyncpg/|models/",
    "access token: PyJWT, Ed25519": r"jwt/|auth/(tokens|claims|keys/(key_ring|signing_keys))\.py",
    "code: pyotp, AES-GCM": r"pyotp/|auth/(factors/\w+|keys/(vault|key_files))\.py",
    "limits": r"limits/",
    "event's log line": r"logging/|auth/events\.py",
    "flow": r"auth/",
    "event loop and sockets": r".",
}
"""A sample belongs to the innermost call that one of these patterns matches."""
COLOURS = (
    "#4e79a7", "#a0cbe8", "#f28e2b", "#59a14f", "#b07aa1",
    "#e15759", "#edc948", "#9c755f", "#76b7b2", "#bab0ac",
)  # fmt: skip
WIDTH, ROW = 860, 30


def layer_of(stack: str) -> str:
    for call in reversed(stack.split(";")):
        for name, pattern in list(LAYERS.items())[:-1]:
            if re.search(rf"\((?:{pattern})", call):
                return name
    return list(LAYERS)[-1]


def counted(samples: str) -> Counter[str]:
    layers: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        layers[layer_of(stack)] += int(count)
    return layers


class Bar(NamedTuple):
    """A bar of a picture."""

    name: str
    share: float
    """Its length; 1 would be 1400 pixels, wider than the picture."""
    label: str
    colour: str


def bars(layers: Counter[str]) -> list[Bar]:
    """Return one bar for each layer, the longest first."""
    total = sum(layers.values())
    return [
        Bar(name, count / total, f"{count / total:.0%}", COLOURS[list(LAYERS).index(name)])
        for name, count in layers.most_common()
    ]


def picture(drawn_bars: Sequence[Bar], title: str) -> str:
    """Draw bars below each other, as SVG."""
    height = ROW * (len(drawn_bars) + 2)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="28" font-weight="bold">{title}</text>',
    ]
    for number, bar in enumerate(drawn_bars):
        y, width = ROW * (number + 2) - 8, bar.share * 1400
        drawn += [
            f'<text x="276" y="{y + 16}" text-anchor="end">{bar.name}</text>',
            f'<rect x="286" y="{y}" width="{width:.0f}" height="22" fill="{bar.colour}"/>',
            f'<text x="{294 + width:.0f}" y="{y + 16}">{bar.label}</text>',
        ]
    return "\n".join([*drawn, "</svg>", ""])


def main() -> None:
    """Load, sample, draw."""
    py_spy = shutil.which("py-spy")
    if not py_spy:
        sys.exit("py-spy is missing: pip install py-spy")
    with databases() as found:
        kind = "PostgreSQL" if "PostgreSQL" in found else "SQLite"
        with Bench.running(kind, found[kind], 1) as bench:
            samples = Path(bench.folder / "samples")
            wrk(bench.server.url, bench.requests(VERIFY), 16, bench.folder)
            requests = bench.requests(VERIFY)
            pid = str(bench.server.process.pid)
            command = [py_spy, "record", "-r", "400", "-d", "3", "-f", "raw", "-p", pid]
            with subprocess.Popen([*command, "-o", str(samples)], stdout=subprocess.DEVNULL):
                loaded = wrk(bench.server.url, requests, 16, bench.folder)
            layers = counted(samples.read_text())
    title = f"Where the time of {VERIFY} goes ({kind}, one worker, 16 connections)"
    (HERE / "verify.svg").write_text(picture(bars(layers), title))
    print(f"{loaded['rate']:.0f} a second while sampled")
    for name, count in layers.most_common():
        print(f"{count / layers.total():6.1%}  {name}")


if __name__ == "__main__":
    main()
