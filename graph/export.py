"""A piece of the graph in forms that other programs read: GraphML and CSV.

Pure: what is written is what the caller was shown, node for node and statement for statement.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from store.spreadsheet import guard

# What each city states of an edge, beside what the edge is.
_STATED = ("relationId", "originRegion", "shareMin", "shareMax", "validFrom", "validTo")
_NODE = ("type", "id", "name", "code", "hub")
_EDGE = ("kind", "position", *_STATED)
_HEAD = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns'
    ' http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">'
)
_NO_TEXT = "\ufffe\uffff"


@dataclass(frozen=True, slots=True)
class Piece:
    """What an answer shows: nodes by key, edges with the statements behind them."""

    as_of: str
    position: str
    nodes: Sequence[Mapping[str, Any]]
    edges: Sequence[Mapping[str, Any]]

    def statements(self) -> list[dict[str, Any]]:
        """One row for each city's statement of each edge."""
        return [
            {name: edge.get(name) for name in ("kind", "source", "target", "position")}
            | {name: said.get(name) for name in _STATED}
            for edge in self.edges
            for said in edge["statements"]
        ]


def node_columns(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node as a row; a loan has no party."""
    party = node.get("party") or {}
    return {
        "type": party.get("__typename", "Loan"),
        "id": party.get("id"),
        "name": party.get("name"),
        "code": party.get("uscc"),
        "hub": node.get("hub"),
    }


def graphml(piece: Piece) -> str:
    """GraphML 1.0 (graphdrawing.org, schema 1.0): a directed graph with an edge per statement."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        _HEAD,
    ]
    for what, names in (("node", _NODE), ("edge", _EDGE)):
        for name in names:
            type_ = "boolean" if name == "hub" else "string"
            lines.append(
                f'<key id="{what}-{name}" for="{what}" attr.name="{name}" attr.type="{type_}"/>'
            )
    lines.append('<key id="graph-asOf" for="graph" attr.name="asOf" attr.type="string"/>')
    lines.append('<key id="graph-position" for="graph" attr.name="position" attr.type="string"/>')
    lines.append('<graph id="piece" edgedefault="directed">')
    lines += _data("graph", {"asOf": piece.as_of, "position": piece.position})
    for node in piece.nodes:
        lines.append(f"<node id={quoteattr(node['key'])}>")
        lines += [*_data("node", node_columns(node)), "</node>"]
    for place, said in enumerate(piece.statements()):
        source, target = quoteattr(said["source"]), quoteattr(said["target"])
        lines.append(f'<edge id="e{place}" source={source} target={target}>')
        lines += [*_data("edge", {name: said[name] for name in _EDGE}), "</edge>"]
    return "\n".join([*lines, "</graph>", "</graphml>", ""])


def _data(what: str, values: Mapping[str, Any]) -> list[str]:
    return [
        f'<data key="{what}-{name}">{escape(_plain(value))}</data>'
        for name, value in values.items()
        if value is not None
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # XML 1.0 has no place for these, whatever a department typed.
    return "".join(c for c in str(value) if (c >= " " or c in "\t\n\r") and c not in _NO_TEXT)


def table(piece: Piece) -> str:
    """CSV (RFC 4180), a row per statement with both ends; no cell is taken for a formula."""
    named = {node["key"]: node_columns(node) for node in piece.nodes}
    ends = [f"{end}{part.title()}" for end in ("source", "target") for part in _NODE[:4]]
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow([*ends, *_EDGE, "asOf"])
    for said in piece.statements():
        cells = [named[said[end]][part] for end in ("source", "target") for part in _NODE[:4]]
        cells += [*(said[name] for name in _EDGE), piece.as_of]
        writer.writerow([guard("" if cell is None else str(cell)) for cell in cells])
    return told.getvalue()
