"""Draw the house from its imports: docs/house.svg, and the table of rooms in docs/architecture.md.

    uv run python scripts/draw_house.py

A room is a folder of the package, or a file of its root. Composers stand above, wings in the middle, what they share
below, and what more than half of the rooms import is the ground. An arrow that another way already implies is left out
of the picture; the table names every import. The same imports give the same bytes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from page import fill

ROOT = Path(__file__).parent.parent
PACKAGE, DOCS = ROOT / "radfuse", ROOT / "docs"
WINGS = ("fusion", "morphometry", "outcomes", "radiomics", "regions", "report", "seg")
COMPOSERS = (
    "agreement",
    "audit",
    "bundle",
    "check",
    "cli",
    "learned",
    "pipeline",
    "recipe",
    "sequences",
    "stages",
    "study",
)
WIDTH, BOX, HIGH, STEP, SIDE = 1180, 116, 40, 78, 16
COLOURS = {"composers": "#F6D9A8", "wings": "#BFDDF2", "below": "#DDE6D5", "ground": "#E4E4E4"}
TITLES = {
    "composers": "put wings together",
    "wings": "never import\neach other",
    "below": "know no wing (but cohort, its outcome)",
    "ground": "imported by more than half of the rooms",
}
Graph = dict[str, set[str]]


# the imports


def rooms() -> dict[str, str]:
    """Return each room with what the first sentence of its docstring says."""
    said = {}
    for path in sorted(PACKAGE.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if file.is_file() and file.suffix == ".py" and not path.name.startswith("__"):
            text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
            said[path.stem] = " ".join(text.split())
    return said


def imports_between_rooms() -> Graph:
    """Return room -> rooms that it imports when it runs, at the top of a file or inside a function."""
    graph: Graph = {room: set() for room in rooms()}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if room in graph:
            graph[room] |= set(_imported(ast.parse(path.read_text(encoding="utf-8")))) & set(graph) - {room}
    return graph


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the rooms a syntax tree imports; what type checkers alone see is left aside."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith(f"{PACKAGE.name}."))
        yield from _imported(node)


def ground_of(graph: Graph) -> set[str]:
    """Return the rooms that more than half of the others import."""
    return {room for room in graph if 2 * sum(room in seen for seen in graph.values()) > len(graph) - 1}


def floor_of(room: str, ground: set[str]) -> str:
    """Return on which floor a room stands."""
    if room in COMPOSERS:
        return "composers"
    return "wings" if room in WINGS else "ground" if room in ground else "below"


def told_once(graph: Graph) -> Graph:
    """Return the graph without the arrows that another way implies."""
    left = {room: set(seen) for room, seen in graph.items()}
    for room in sorted(left):
        for other in sorted(left[room]):
            left[room].discard(other)
            if other not in _reached(left, room):
                left[room].add(other)
    return left


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        new = graph[todo.pop()] - seen
        seen |= new
        todo += sorted(new)
    return seen


# the picture


def rows_of(graph: Graph, ground: set[str]) -> list[list[str]]:
    """Return the rooms above the ground row by row from the top; a room stands above what it imports of its floor."""
    rows = []
    for floor in ("composers", "wings", "below"):
        here = {room for room in graph if floor_of(room, ground) == floor}
        height = {room: _height(room, graph, here, ()) for room in here}
        rows += [sorted(room for room in here if height[room] == h) for h in range(max(height.values()), -1, -1)]
    return rows


def _height(room: str, graph: Graph, here: set[str], way: tuple[str, ...]) -> int:
    """Return how many rooms of a floor lie below a room; two that import each other stand side by side."""
    below = sorted(other for other in graph[room] & here if other not in way and room not in graph[other])
    return max((1 + _height(other, graph, here, (*way, room)) for other in below), default=0)


def places_of(rows: list[list[str]], arrows: Graph) -> tuple[dict[str, float], list[list[str]]]:
    """Return the middle of each box and of each bend of an arrow, and the rows with bends ("FROM>TO>ROW") in them."""
    row_of = {room: number for number, row in enumerate(rows) for room in row}
    rows = [list(row) for row in rows]
    ties: dict[str, set[str]] = {room: set() for room in row_of}
    for room in sorted(row_of):
        for other in sorted(arrows[room] & set(row_of)):
            way = way_of(room, other, row_of)
            for bend in way[1:-1]:
                rows[int(bend.rpartition(">")[2])].append(bend)
                ties[bend] = set()
            for one, next_ in pairwise(way):
                ties[one].add(next_)
                ties[next_].add(one)
    middle = {name: WIDTH / 2 for row in rows for name in row}
    for sweep in range(60):
        for row in rows if sweep % 2 else rows[::-1]:
            wish = {name: _mean([middle[tie] for tie in ties[name]] or [WIDTH / 2]) for name in row}
            row.sort(key=lambda name: (round(wish[name], 3), name))
            middle |= _spread([wish[name] for name in row], row)
    aside = WIDTH / 2 - (min(middle.values()) + max(middle.values())) / 2
    return {name: place + aside for name, place in middle.items()}, rows


def way_of(room: str, other: str, row_of: Mapping[str, int]) -> list[str]:
    """Return an arrow's way: a bend in each row that it passes."""
    upper, lower = sorted((room, other), key=lambda name: row_of[name])
    return [upper, *(f"{upper}>{lower}>{row}" for row in range(row_of[upper] + 1, row_of[lower])), lower]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread(wishes: Sequence[float], row: Sequence[str]) -> dict[str, float]:
    """Return places near those wished for, in their order, no box upon another, within the picture."""
    half = [SIDE / 2 if ">" in name else BOX / 2 + 9 for name in row]
    places = list(wishes)
    for _ in range(200):
        for i in range(1, len(row)):
            push = half[i - 1] + half[i] - (places[i] - places[i - 1])
            if push > 0:
                places[i - 1], places[i] = places[i - 1] - push / 2, places[i] + push / 2
        places = [min(max(place, half[i]), WIDTH - half[i]) for i, place in enumerate(places)]
    return dict(zip(row, places, strict=True))


def _side_by_side(ends: Sequence[tuple[str, float, tuple[str, str]]]) -> dict[tuple[str, str], float]:
    """Return how far from a box's middle each arrow ends, in the order of where they come from.

    Args:
        ends: box, place of the arrow's next point, and the arrow.
    """
    found: dict[tuple[str, str], float] = {}
    for box in {box for box, _, _ in ends}:
        here = sorted((place, pair) for name, place, pair in ends if name == box)
        step = min(18.0, 0.8 * BOX / len(here))
        found |= {pair: step * (number - (len(here) - 1) / 2) for number, (_, pair) in enumerate(here)}
    return found


def picture() -> str:
    """Return the house as SVG."""
    graph = imports_between_rooms()
    ground = ground_of(graph)
    above = {room: seen - ground for room, seen in graph.items() if room not in ground}
    arrows = told_once(above)
    rows = rows_of(above, ground)
    middle, full = places_of(rows, arrows)
    top = {name: 40 + number * STEP for number, row in enumerate(full) for name in row}
    row_of = {room: number for number, row in enumerate(rows) for room in row}
    lines, start = [], 0
    for floor in ("composers", "wings", "below"):
        count = sum(floor_of(row[0], ground) == floor for row in rows)
        lines.append(_band(floor, 24 + start * STEP, count * STEP - 6))
        start += count
    base = 24 + len(rows) * STEP
    lines.append(_band("ground", base, 46))
    ways = {(room, other): way_of(room, other, row_of) for room in arrows for other in arrows[room]}
    ways = {pair: way for pair, way in sorted(ways.items()) if pair[::-1] not in ways or pair[0] == way[0]}
    leaves = _side_by_side([(way[0], middle[way[1]], pair) for pair, way in ways.items()])
    enters = _side_by_side([(way[-1], middle[way[-2]], pair) for pair, way in ways.items()])
    for pair, way in ways.items():
        points = [(middle[name], top[name]) for name in way]
        points[0] = (points[0][0] + leaves[pair], points[0][1])
        points[-1] = (points[-1][0] + enters[pair], points[-1][1])
        lines.append(_arrow(*pair, points, down=pair[0] == way[0], both=pair[0] in arrows[pair[1]]))
    lines += [_box(room, middle[room], top[room], floor_of(room, ground)) for room in sorted(row_of)]
    names = sorted(ground)
    step = WIDTH / (len(names) + 1)
    lines += [_box(room, step * (place + 1), base + 3, "ground") for place, room in enumerate(names)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {base + 56}" font-family="sans-serif">\n'
        "<title>The rooms of radfuse, and which imports which</title>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{base + 56}" fill="white"/>\n'
    )
    return head + "\n".join(lines) + "\n</svg>\n"


def _band(floor: str, y: float, height: float) -> str:
    return (
        f'<rect x="0" y="{y}" width="{WIDTH}" height="{height}" fill="{COLOURS[floor]}" fill-opacity="0.28"/>'
        + "".join(
            f'<text x="8" y="{y + 15 + 14 * row}" font-size="12" fill="#555">{line}</text>'
            for row, line in enumerate(TITLES[floor].split("\n"))
        )
    )


def _box(room: str, x: float, y: float, floor: str) -> str:
    label = f"{room}/" if (PACKAGE / room).is_dir() else f"{room}.py"
    return (
        f'<g id="{room}"><rect x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HIGH}" rx="5" '
        f'fill="{COLOURS[floor]}" stroke="#444"/><text x="{x:.0f}" y="{y + 25}" font-size="15" '
        f'text-anchor="middle">{escape(label)}</text></g>'
    )


def _arrow(room: str, other: str, points: Sequence[tuple[float, float]], *, down: bool, both: bool) -> str:
    """Return an arrow from the lower edge of the upper box to the upper edge of the lower one; red with two heads."""
    stops = [(points[0][0], points[0][1] + HIGH), *((x, y + HIGH / 2) for x, y in points[1:-1]), points[-1]]
    way = f"M{stops[0][0]:.0f} {stops[0][1]:.0f}"
    for (ax, ay), (bx, by) in pairwise(stops):
        bend = (by - ay) / 2
        way += f"C{ax:.0f} {ay + bend:.0f} {bx:.0f} {by - bend:.0f} {bx:.0f} {by:.0f}"
    heads = 'marker-end="url(#head)"' if down else 'marker-start="url(#head)"'
    look = 'stroke="#B3392F" marker-start="url(#head)" marker-end="url(#head)"' if both else f'stroke="#555" {heads}'
    told = f"{room} imports {other}{', and is imported by it' if both else ''}"
    return f'<path d="{way}" fill="none" stroke-width="1.3" {look}><title>{told}</title></path>'


def table() -> str:
    """Return the rooms as a Markdown table: what each holds, and all that it imports."""
    graph, said = imports_between_rooms(), rooms()
    ground = ground_of(graph)
    lines = ["| room | floor | what it holds | imports |", "|---|---|---|---|"]
    for floor in TITLES:
        lines += [
            f"| `{room}` | {floor} | {text} | {', '.join(sorted(graph[room]))} |"
            for room, text in said.items()
            if floor_of(room, ground) == floor
        ]
    return "\n".join(lines)


def main() -> None:
    """Write the picture and the table."""
    (DOCS / "house.svg").write_text(picture(), encoding="utf-8")
    fill(DOCS / "architecture.md", "rooms", table())


if __name__ == "__main__":
    main()
