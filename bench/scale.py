"""The snapshot as the graph grows: time and memory at 1M to 50M edges, and what analyses cost.

Run as `python -m bench.scale [EDGES…] [--peers] [--json]`. The graph is synthetic and has the
degrees of a market (docs/scale.md): shareholders per firm 1: 42 %, 2: 38 %, 3: 10 %, 4–10: 9 %,
more: 1 %; three firms in ten are held by firms as well, drawn with preference for those that hold
much, which gives a power law, over chains of up to eleven levels; reciprocal holdings are 0.05 %,
circles of three 0.01 % of what firms hold of firms. Four relations in ten are officers.
Each size runs in processes of its own: one that builds and writes, one that maps and asks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.table import Table
from graph.checkpoint import Position
from graph.closure import owners_closure
from graph.control import controllers_of
from graph.holding import Basis, together
from graph.layout import EdgeKind
from graph.ownership import integrated
from graph.snapshot import building
from graph.snapshot.circle import between_firms, components, find_circles
from graph.snapshot.column import EDGE, NODE, SHARE_SCALE, Array, empty
from graph.snapshot.folder import Folder, State, assembled
from graph.snapshot.mask import Mask, View

SIZES = (1_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000)
_DAY = dt.date(2026, 6, 30)
_CHANGES = 1_000
_QUESTIONS = 1_000
_PEERS = 10_000_000  # edges up to which networkx is asked as well
_LEVELS = (700, 200, 60, 25, 9, 3, 1, 1, 0.5, 0.25, 0.25)  # firms by the longest chain above them
_BY_FIRM = 0.45  # of the holdings in firms that firms hold of
_PER_FIRM = ((1, 42), (2, 38), (3, 10), (4, 3), (5, 2), (7, 2), (10, 2), (20, 1))


def network(edges: int, seed: int = 20201022) -> tuple[dict[str, Array], dict[EdgeKind, Any]]:
    """Columns of subjects and relations: `edges` relations, six in ten of them holdings, among half
    as many subjects."""
    draw = np.random.default_rng(seed)
    counts, weights = np.array(_PER_FIRM).T
    mean = float((counts * weights).sum() / weights.sum())
    firms, persons = int(edges * 0.6 / mean), int(edges * 0.232)
    nodes = firms + persons
    target = np.repeat(np.arange(firms), draw.choice(counts, firms, p=weights / weights.sum()))
    total = len(target)
    source = draw.integers(firms, nodes, total)
    # Firms stand by level: what is of one level is held by firms of lower ones only.
    starts = (np.cumsum([0, *_LEVELS]) / sum(_LEVELS) * firms).astype(np.int64)
    below = starts[np.searchsorted(starts, target, "right") - 1]
    by_firm = (below > 0) & (draw.random(total) < _BY_FIRM)
    # A power of uniform numbers prefers low places: out-degrees fall as a power law.
    rank = (draw.random(int(by_firm.sum())) ** 2 * below[by_firm]).astype(np.int64)
    source[by_firm] = rank
    rows = draw.permutation(np.flatnonzero(by_firm))
    for length, share in ((2, 0.0005), (3, 0.0001)):  # circles, in place of other holdings
        some = max(1, int(len(rows) * share))
        pick, close, rows = rows[:some], rows[some : 2 * some], rows[2 * some :]
        first, last = source[pick], target[pick]
        if length == 3:
            source[rows[:some]], target[rows[:some]] = last, draw.integers(0, firms, some)
            last, rows = target[rows[:some]], rows[some:]
        source[close], target[close] = last, first
    place = draw.permutation(nodes)  # firms and persons stand mixed, as ids are random
    columns = empty(NODE, nodes)
    columns["id_hi"] = np.sort(draw.integers(0, 2**63, nodes, dtype=np.uint64))
    columns["id_lo"] = draw.integers(0, 2**63, nodes, dtype=np.uint64)
    columns["category"][place[firms:]] = 2
    share = (SHARE_SCALE // np.bincount(target, minlength=firms).clip(1))[target]
    holdings = relations(draw, EdgeKind.HOLDS, place[source], place[target])
    holdings["share_min"], holdings["share_max"] = share, share
    officers = edges - total
    managers = relations(
        draw,
        EdgeKind.OFFICER_OF,
        place[draw.integers(firms, nodes, officers)],
        place[draw.integers(0, firms, officers)],
    )
    found: dict[EdgeKind, Any] = {kind: empty(EDGE[kind]) for kind in EDGE}
    return columns, found | {EdgeKind.HOLDS: holdings, EdgeKind.OFFICER_OF: managers}


def relations(
    draw: np.random.Generator, kind: EdgeKind, source: Array, target: Array
) -> dict[str, Array]:
    """Columns of relations between these places, in force for ever."""
    found = empty(EDGE[kind], len(source))
    found |= {"source": source.astype("i4"), "target": target.astype("i4")}
    found["id_hi"] = draw.integers(0, 2**63, len(source), dtype=np.uint64)
    found["valid_to"][:] = 2**31 - 1
    return found


def build(edges: int, path: Path) -> dict[str, float]:
    """Make a base of that many holdings and its circles, and write them."""
    nodes, columns = network(edges)
    size = sum(len(of["source"]) for of in columns.values())
    figures: dict[str, float] = {"edges": size, "nodes": len(nodes["id_hi"])}
    before = _peak()
    base, figures["index_seconds"] = timed(lambda: building.base_of(nodes, columns))
    figures["index_peak_gb"] = round(_peak() - before, 2)
    folder = Folder(path)
    _, figures["write_seconds"] = timed(lambda: folder.write_base(1, base))
    texts = {name: list[str]() for name in ("origin", "share_class", "currency", "position")}
    state = State("bench", "bench", 1, 0, Position(1, 1), texts | {"guarantee_kind": []})
    delta = building.no_changes()
    snapshot = assembled(state, base, delta)
    circles, figures["circles_seconds"] = timed(lambda: find_circles(snapshot))
    figures["circles"] = len(circles.start) - 1
    folder.write_delta(state, delta)
    folder.make_current(state)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    figures["file_bytes_per_edge"] = round(size / figures["edges"], 1)
    figures["file_gb"] = round(size / 2**30, 2)
    return figures


def ask(path: Path) -> dict[str, float]:
    """Map the snapshot and ask it, as a worker does."""
    folder = Folder(path)
    opened, seconds = timed(folder.open)
    figures = {"open_ms": round(seconds * 1000, 1)}
    snapshot = opened.snapshot
    view = View(snapshot, Mask(_DAY, frozenset(EdgeKind), frozenset("O")))
    draw = np.random.default_rng(1)
    table = snapshot.tables[EdgeKind.HOLDS]
    rows = draw.integers(0, table.size, _QUESTIONS)
    firms = table.column("target", rows).tolist()

    def owners(firm: int) -> int:
        closure = owners_closure(view, firm, levels=None)
        integrated(together(closure.statements, closure.companies(), Basis.EQUITY), 0)
        return len(closure.statements)

    def control(firm: int) -> int:
        closure = owners_closure(view, firm, levels=None)
        controllers_of(closure.votes(), 0, closure.above())
        return len(closure.statements)

    for name, question in (("owners", owners), ("controllers", control)):
        for firm in firms[:100]:
            question(firm)
        times, cpu = [], time.process_time()
        for firm in firms:
            began = time.perf_counter()
            question(firm)
            times.append((time.perf_counter() - began) * 1000)
        figures |= _percentiles(name, times)
        spent = (time.process_time() - cpu) * 1000 / len(firms)
        figures[f"{name}_cpu_ms"] = round(spent, 3)
    whole = find_circles(snapshot)
    times = []
    for firm in firms:
        began = time.perf_counter()
        whole.around(firm)
        times.append((time.perf_counter() - began) * 1000)
    figures |= _percentiles("circle_lookup", times)
    _, figures["scc_seconds"] = timed(lambda: find_circles(snapshot))
    figures |= _changed(opened.base, opened.delta, snapshot)
    figures["worker_gb"] = round(_private(), 2)
    figures["mapped_and_private_gb"] = round(_peak(), 2)
    return figures


def _changed(base: Any, delta: Any, snapshot: Any) -> dict[str, float]:
    """Take in 1,000 changed holdings and circles anew, as the keeper does."""
    draw = np.random.default_rng(2)
    table = snapshot.tables[EdgeKind.HOLDS]
    rows = np.unique(draw.integers(0, table.size, _CHANGES))
    high, low = table.column("id_hi", rows), table.column("id_lo", rows)
    read = {kind: empty(EDGE[kind]) for kind in EDGE}
    read[EdgeKind.HOLDS] = {name: table.column(name, rows) for name in EDGE[EdgeKind.HOLDS]}

    def take_in() -> Any:
        return building.with_edges(base, delta, np.zeros(0, np.int64), (high, low), read)

    changed, seconds = timed(take_in)
    state = State("bench", "bench", 1, 1, Position(1, 2), snapshot.texts)
    now = assembled(state, base, changed)
    _, circles = timed(lambda: find_circles(now))
    return {"take_in_seconds": round(seconds, 3), "circles_after_seconds": round(circles, 2)}


def peers(path: Path) -> dict[str, float]:
    """Strong components of the firms' holdings by scipy, igraph and networkx, same arrays."""
    import igraph
    import networkx

    snapshot = Folder(path).open().snapshot
    ends = np.column_stack(between_firms(snapshot))
    size = len(snapshot.nodes)
    figures: dict[str, float] = {"firm_edges": len(ends)}
    ours, figures["scipy_seconds"] = timed(lambda: components(ends[:, 0], ends[:, 1]))
    graph, made = timed(lambda: igraph.Graph(n=size, edges=ends, directed=True))
    found, seconds = timed(lambda: graph.connected_components(mode="strong").sizes())
    figures["igraph_seconds"] = round(made + seconds, 2)
    small = networkx.DiGraph()
    _, made = timed(lambda: small.add_edges_from(ends.tolist()))
    sets, seconds = timed(
        lambda: [c for c in networkx.strongly_connected_components(small) if len(c) > 1]
    )
    figures["networkx_seconds"] = round(made + seconds, 2)
    assert sum(n for n in found if n > 1) == sum(map(len, sets)) == len(ours[0])
    return figures


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What work gives, and the seconds of CPU that it took."""
    began = time.process_time()
    found = work()
    return found, round(time.process_time() - began, 3)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _private() -> float:
    """Memory that is this process's alone, without mapped files, GB."""
    told = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    private = [line.split()[1] for line in told.splitlines() if line.startswith("Private_Dirty")]
    return int(private[0]) / 2**20


def _percentiles(name: str, times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {f"{name}_p{p}_ms": round(cuts[p - 1], 3) for p in (50, 95, 99)}


def measure(sizes: tuple[int, ...], *, with_peers: bool = False) -> list[dict[str, float]]:
    """All figures, one row a size."""
    found = []
    for edges in sizes:
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            figures: dict[str, float] = {}
            parts = ["build", "ask"] + (["peers"] if with_peers and edges <= _PEERS else [])
            for part in parts:
                done = subprocess.run(
                    [sys.executable, "-m", "bench.scale", "--part", part, str(edges), folder],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                figures |= json.loads(done.stdout)
            found.append(figures)
            shutil.rmtree(folder, ignore_errors=True)
    return found


_ROWS = (
    ("nodes", "subjects"),
    ("index_seconds", "sort and index, CPU s"),
    ("index_peak_gb", "memory for that, GB"),
    ("write_seconds", "write, CPU s"),
    ("file_gb", "files, GB"),
    ("file_bytes_per_edge", "bytes an edge"),
    ("circles_seconds", "all circles, CPU s"),
    ("circles", "circles"),
    ("open_ms", "open by a worker, CPU ms"),
    ("scc_seconds", "all circles from the mapped files, CPU s"),
    ("take_in_seconds", "1,000 changed holdings taken in, CPU s"),
    ("owners_p50_ms", "owners, p50 ms"),
    ("owners_p95_ms", "owners, p95 ms"),
    ("owners_p99_ms", "owners, p99 ms"),
    ("owners_cpu_ms", "owners, CPU ms"),
    ("controllers_p95_ms", "controllers, p95 ms"),
    ("controllers_cpu_ms", "controllers, CPU ms"),
    ("circle_lookup_p95_ms", "circle of a firm, p95 ms"),
    ("worker_gb", "a worker's own memory, GB"),
    ("scipy_seconds", "circles among firms: scipy, CPU s"),
    ("igraph_seconds", "the same: igraph, CPU s"),
    ("networkx_seconds", "the same: networkx, CPU s"),
)


def table(found: list[dict[str, float]]) -> Table:
    """The figures, one column a size."""
    head = ("", *(f"{one['edges'] / 1e6:.1f}M edges" for one in found))
    rows = [
        (label, *(one.get(key, "–") for one in found)) for key, label in _ROWS if key in found[0]
    ]
    return Table("The snapshot as the graph grows", head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", nargs=3, metavar=("PART", "EDGES", "FOLDER"))
    given = parser.parse_args()
    if given.part:
        part, edges, folder = given.part
        path = Path(folder)
        work = {"build": lambda: build(int(edges), path), "ask": lambda: ask(path)}
        sys.stdout.write(json.dumps((work | {"peers": lambda: peers(path)})[part]()))
        return
    found = measure(tuple(given.sizes) or SIZES, with_peers=given.peers)
    sys.stdout.write(json.dumps(found) if given.json else table(found).markdown())
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
