"""Draws the pictures of docs/graph.md from `pictures.txt`: `python docs/graph/draw.py`."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
COLUMN, ROW, LEFT, TOP = 190, 90, 80, 70
WIDTH, HEIGHT = 116, 44
FILLS = {"person": "#fde8c8", "state": "#d9e4f5", "": "#e6f2e6"}


def draw(title: str, lines: list[str]) -> str:
    """One picture as SVG text."""
    places: dict[str, tuple[int, int]] = {}
    shapes, edges = [], []
    for line in lines:
        what, *words = line.split()
        if what == "node":
            key, column, row, *label = words
            kind = label.pop() if label[-1] in FILLS else ""
            x, y = LEFT + int(column) * COLUMN, TOP + int(row) * ROW
            places[key] = (x, y)
            shapes.append(_node(x, y, " ".join(label), kind))
        else:
            edges.append(words)
    arrows = []
    for source, target, *label in edges:
        bend = int(label.pop()) if len(label) > 2 and label[-1].isdigit() else 0
        arrows.append(_edge(places[source], places[target], " ".join(label), bend))
    width = max(x for x, _ in places.values()) + LEFT
    height = max(y for _, y in places.values()) + 50
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' font-family="sans-serif" font-size="13"><title>{escape(title)}</title>\n'
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#444"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        f'<text x="12" y="22" font-size="14" font-weight="bold">{escape(title)}</text>\n'
        + "\n".join([*arrows, *shapes])
        + "\n</svg>\n"
    )


def _node(x: int, y: int, label: str, kind: str) -> str:
    round_ = HEIGHT // 2 if kind == "person" else 4
    return (
        f'<rect x="{x - WIDTH // 2}" y="{y - HEIGHT // 2}" width="{WIDTH}" height="{HEIGHT}"'
        f' rx="{round_}" fill="{FILLS[kind]}" stroke="#444"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle">{escape(label)}</text>'
    )


def _edge(source: tuple[int, int], target: tuple[int, int], label: str, bend: int) -> str:
    (x1, y1), (x2, y2) = _rim(source, target), _rim(target, source)
    length = math.hypot(x2 - x1, y2 - y1) or 1
    across = ((y1 - y2) / length * bend, (x2 - x1) / length * bend)
    middle = ((x1 + x2) / 2 + across[0], (y1 + y2) / 2 + across[1])
    x, y = middle[0], middle[1] - 6 + (14 if bend and across[1] > 0 else 0)
    return (
        f'<path d="M{x1:.0f} {y1:.0f} Q{middle[0]:.0f} {middle[1]:.0f} {x2:.0f} {y2:.0f}"'
        ' fill="none" stroke="#444" marker-end="url(#a)"/>'
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" fill="#222">{escape(label)}</text>'
    )


def _rim(near: tuple[int, int], far: tuple[int, int]) -> tuple[float, float]:
    """Where the line between two nodes leaves the box of the first."""
    dx, dy = far[0] - near[0], far[1] - near[1]
    scale = min(
        (WIDTH / 2 + 2) / abs(dx) if dx else math.inf,
        (HEIGHT / 2 + 2) / abs(dy) if dy else math.inf,
    )
    return near[0] + dx * scale, near[1] + dy * scale


def pictures() -> dict[str, str]:
    """Every picture by its name."""
    found: dict[str, tuple[str, list[str]]] = {}
    lines: list[str] = []
    for line in (HERE / "pictures.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            lines.append(line)
        else:
            name, _, title = line.partition(": ")
            lines = []
            found[name] = (title, lines)
    return {name: draw(title, of) for name, (title, of) in found.items()}


if __name__ == "__main__":
    for name, text in pictures().items():
        (HERE / f"{name}.svg").write_text(text, encoding="utf-8")
