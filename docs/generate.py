"""Write the generated parts of the documents: `python docs/generate.py`, or `make docs`.

These are the picture of docs/architecture.md, the table of refusals in docs/clients.md, and
docs/messages.md. A test compares them with the committed files.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from api.contract import EVERYWHERE, GRAPHQL  # noqa: E402 - needs the path above
from auth.errors import FOR_OPERATORS, ErrorCode  # noqa: E402

ROOMS = ("config", "models", "auth", "api", "cli")
SPLIT = ("models", "auth", "api")
"""Rooms that the picture splits into sub-rooms."""
SHARED = "the_rest"
"""The name for modules of a room that are not in a sub-room."""
ALONE = {"auth": {"admission", "tickets", "operators", "sweep", "backup"}}
"""Modules that the picture shows like a sub-room."""


def sources(*rooms: str) -> Iterator[Path]:
    """Yield the files of these rooms, except migrations."""
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file


def place(module: str) -> str:
    """Return the room or sub-room that a module is in."""
    room, *rest = module.split(".")
    if room not in SPLIT:
        return room
    is_sub_room = bool(rest) and (ROOT / room / rest[0] / "__init__.py").exists()
    if is_sub_room or (rest and rest[0] in ALONE.get(room, ())):
        return f"{room}/{rest[0]}"
    return f"{room}/{SHARED}"


def imports() -> dict[str, set[str]]:
    """Return for each place the places that it imports from."""
    edges: dict[str, set[str]] = {}
    for file in sources(*ROOMS):
        here = place(".".join(file.relative_to(ROOT).with_suffix("").parts))
        there = edges.setdefault(here, set())
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                there |= {place(name) for name in names if name.split(".")[0] in ROOMS}
        there.discard(here)
        # No arrows from a sub-room to the modules that its own room shares.
        there -= {f"{here.split('/')[0]}/{SHARED}", f"auth/{SHARED}"}
    return {here: there for here, there in edges.items() if here != f"auth/{SHARED}"}


def reduced(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Remove the arrows that other arrows imply."""

    def reaches(start: str, target: str, seen: set[str]) -> bool:
        if start in seen:
            return False
        seen.add(start)
        return target in edges.get(start, ()) or any(
            reaches(each, target, seen) for each in edges.get(start, ())
        )

    return {
        here: {
            each
            for each in there
            if not any(reaches(other, each, {here, each}) for other in there - {each})
        }
        for here, there in edges.items()
    }


def picture() -> str:
    """Return the rooms and their imports as a Mermaid diagram."""
    edges = reduced(imports())
    lines = ["```mermaid", "flowchart TD"]
    for room in reversed(ROOMS):
        places = sorted(each for each in edges if each.split("/")[0] == room)
        lines.append(f"    subgraph {room}")
        lines += [f"        {each.replace('/', '_')}[{each.split('/')[-1]}]" for each in places]
        lines.append("    end")
    for here in sorted(edges):
        lines += [
            f"    {here.replace('/', '_')} --> {there.replace('/', '_')}"
            for there in sorted(edges[here])
        ]
    return "\n".join([*lines, "```"])


def refusals() -> str:
    """Return a table of the GraphQL operations with their refusals."""
    rows = ["| Operation | Refusals |", "|---|---|"]
    for contract in GRAPHQL:
        codes = ", ".join(f"`{code.name}`" for code in contract.refusals)
        rows.append(f"| `{contract.name}` | {codes} |")
    anywhere = ", ".join(f"`{code.name}`" for code in ErrorCode if code in EVERYWHERE)
    return "\n".join([*rows, "", f"Any request can also get {anywhere}."])


def written_messages() -> Iterator[tuple[str, str]]:
    """Yield the messages written at a `raise`, each with its module; `…` stands for a value."""
    for file in sources("auth", "api"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in {"AuthError", "HTTPException"} or len(node.args) < 2:
                continue
            if not isinstance(node.args[1], ast.Constant | ast.JoinedStr | ast.Attribute):
                raise TypeError(f"{file}:{node.lineno}: write the message where it is raised")
            if text := "".join(_parts(node.args[1])):
                yield text, file.relative_to(ROOT).as_posix()


def _parts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield part.value if isinstance(part, ast.Constant) else "…"


def messages() -> str:
    """Return docs/messages.md: every message that a client may get and a user may see."""
    by_code = [
        f"| `{code.name}` | {code.message} |" for code in ErrorCode if code not in FOR_OPERATORS
    ]
    by_place = [f"| {text} | `{name}` |" for text, name in sorted(set(written_messages()))]
    return "\n".join(
        [
            "<!-- `make docs` writes this file from the code. -->",
            "",
            "# Messages",
            "",
            "The `message` of each refusal. You may show it to the user.",
            "",
            "| Code | Message |",
            "|---|---|",
            *by_code,
            "",
            "Some refusals have a more exact message. `…` stands for a name, a number or a list: "
            "`email: expected an e-mail address.`",
            "",
            "| Message | From |",
            "|---|---|",
            *by_place,
            "",
        ]
    )


def with_part(document: str, name: str, part: str) -> str:
    """Replace what is between the two comments of this name."""
    begin, end = f"<!-- {name}: written by `make docs` -->", f"<!-- end of {name} -->"
    before, _, rest = document.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"there is no {begin} … {end}")
    return f"{before}{begin}\n\n{part}\n\n{end}{after}"


def documents() -> dict[Path, str]:
    """Return each document with generated parts, with its up-to-date text."""
    architecture, clients = DOCS / "architecture.md", DOCS / "clients.md"
    return {
        architecture: with_part(architecture.read_text(), "picture", picture()),
        clients: with_part(clients.read_text(), "refusals", refusals()),
        DOCS / "messages.md": messages(),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
