"""Risk and guarantees over the whole graph: a market's graph of any size beside networkx.

Run as `python -m bench risk`, or `python -m bench.risk [EDGES]`. Nine relations in ten are those of
`bench.scale`, one in ten a guarantee: seven in eight between a firm and one of its fifty
neighbours, one in eight between those of one of five hundred: circles of up to five hundred firms.
The arrays are in memory; CPU time of one process.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
from typing import Any

import numpy as np

from bench.scale import network, relations, timed
from bench.table import Table
from graph.checkpoint import Position
from graph.debt import Way, gather
from graph.exposure import exposure
from graph.guarantee_circle import cycles, rings
from graph.layout import EdgeKind
from graph.risk import DAMPING, DECAY, Channels, Model, channels, spread
from graph.snapshot import building
from graph.snapshot.circle import components as strong
from graph.snapshot.column import AMOUNT_SCALE, TEXTS, Array
from graph.snapshot.folder import State, assembled
from graph.snapshot.mask import Mask, View
from graph.whole import components, grouped

EDGES = 10_000_000
PEER_EDGES = 200_000
_DAY = dt.date(2026, 6, 30)
_QUESTIONS = 300
_SEEDS = 100


def network_of(
    edges: int, seed: int = 20201022
) -> tuple[dict[str, Array], dict[EdgeKind, dict[str, Array]]]:
    """Columns of subjects and of each kind of relation, guarantees among them."""
    nodes, found = network(int(edges * 0.9), seed)
    draw = np.random.default_rng(seed)
    firms = np.flatnonzero(nodes["category"] == 0)
    count = edges - int(edges * 0.9)
    # One firm in four guarantees.
    some = firms[: len(firms) // 4 * 4 : 4] if len(firms) > 400 else firms
    source = draw.integers(0, len(some), count)
    near = (source // 50 * 50 + draw.integers(0, 50, count)).clip(0, len(some) - 1)
    far = (source // 500 * 500 + draw.integers(0, 500, count)).clip(0, len(some) - 1)
    target = np.where(draw.random(count) < 7 / 8, near, far)
    pledges = relations(draw, EdgeKind.GUARANTEES, some[source], some[target])
    pledges["amount"][:] = draw.integers(1, 10_000, count) * 10_000 * AMOUNT_SCALE
    pledges["loan"][:] = -1
    return nodes, {**found, EdgeKind.GUARANTEES: pledges}


def market(edges: int, seed: int = 20201022) -> View:
    """The graph as an analyst sees it."""
    nodes, made = network_of(edges, seed)
    state = State("bench", "bench", 1, 1, Position(1, 1), {name: [] for name in TEXTS})
    kinds = {str(kind) for kind in EdgeKind}
    mask = Mask(_DAY, frozenset(kinds), frozenset({"O", "G"}))
    return View(assembled(state, building.base_of(nodes, made), building.no_changes()), mask)


def _circles(view: View) -> Any:
    rows = view.rows(EdgeKind.GUARANTEES)
    ends = [view.column(EdgeKind.GUARANTEES, name, rows) for name in ("source", "target")]
    return grouped(components(*ends), 2), grouped(strong(*ends), 1)


def _questions(view: View) -> dict[str, list[float]]:
    """Milliseconds of the circle and of the exposure of guarantors, each its own question."""
    draw = np.random.default_rng(1)
    rows = view.rows(EdgeKind.GUARANTEES)
    firms = draw.choice(view.column(EdgeKind.GUARANTEES, "source", rows), _QUESTIONS)
    found: dict[str, list[float]] = {"circle": [], "exposure": []}
    for firm in firms.tolist():
        began = time.perf_counter()
        around = gather(view, firm, Way.BOTH)
        rings(around)
        cycles(around, 10)
        found["circle"].append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        exposure(gather(view, firm, Way.DOWN), {}, {})
        found["exposure"].append((time.perf_counter() - began) * 1000)
    return found


def _peer(found: Channels, seeds: Array) -> tuple[float, float]:
    """networkx on the same channels: seconds of personalised PageRank and of weak components."""
    import networkx

    edges = found.strongest()
    graph = networkx.DiGraph()
    ends = zip(edges.source.tolist(), edges.target.tolist(), edges.weight.tolist(), strict=True)
    graph.add_weighted_edges_from(ends)
    graph.add_nodes_from(seeds.tolist())
    home = dict.fromkeys(seeds.tolist(), 1 / len(seeds))
    _, ranked = timed(
        lambda: networkx.pagerank(graph, alpha=DAMPING, personalization=home, tol=1e-12)
    )
    _, tied = timed(lambda: list(networkx.weakly_connected_components(graph)))
    return ranked, tied


def figures(edges: int, peer: bool) -> dict[str, Any]:
    """What one size costs, seconds of CPU and milliseconds of a question."""
    view = market(edges)
    told: dict[str, Any] = {"edges": edges, "nodes": len(view.snapshot.nodes)}
    found, told["channels"] = timed(lambda: channels(view, DECAY))
    draw = np.random.default_rng(3)
    seeds = draw.choice(np.unique(found.source), _SEEDS, replace=False)
    for model in Model:
        impact, told[str(model)] = timed(lambda m=model: spread(found, seeds.tolist(), m))
        told[f"{model} reached"] = len(impact.places)
    groups, told["circles"] = timed(lambda: _circles(view))
    told["found"] = f"{len(groups[0])}, {len(groups[1])}"
    for name, times in _questions(view).items():
        cuts = statistics.quantiles(times, n=100)
        told[name] = "/".join(f"{cuts[p - 1]:.2f}" for p in (50, 95, 99))
    if peer:
        told["peer rank"], told["peer components"] = _peer(found, seeds)
        _, told["own components"] = timed(lambda: components(found.source, found.target))
    return told


_ROWS = (
    ("nodes", "subjects"),
    ("channels", "ways that risk can take, CPU s"),
    ("DEBTRANK", "DebtRank from 100 seeds over all, CPU s"),
    ("DEBTRANK reached", "subjects that it reaches"),
    ("PAGERANK", "personalised PageRank, CPU s"),
    ("circles", "all guarantee circles and rings, CPU s"),
    ("found", "circles, rings"),
    ("circle", "circle of a firm, all steps, p50/p95/p99 ms"),
    ("exposure", "exposure of a firm, all steps, p50/p95/p99 ms"),
    ("peer rank", "networkx: personalised PageRank, CPU s"),
    ("own components", "weak components of the same ties, CPU s"),
    ("peer components", "networkx: the same, CPU s"),
)


def table(edges: int, peer_edges: int) -> Table:
    """A large graph, and a small one beside networkx."""
    told = [figures(peer_edges, True), figures(edges, False)]
    head = ("", *(f"{one['edges'] / 1e6:g}M relations" for one in told))
    rows = [(label, *(one.get(key, "–") for one in told)) for key, label in _ROWS]
    return Table("Risk and guarantees over the whole graph", head, rows)


if __name__ == "__main__":
    print(table(int((sys.argv[1:] or [EDGES])[0]), PEER_EDGES).markdown())
