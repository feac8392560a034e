"""The files of snapshots: written by one process, mapped by many, switched in one step.

`base-<n>/` holds one NumPy file per column; `delta-<n>-<m>.npz` what has changed since; `CURRENT`
names both. Everything is written beside its place, synchronised and renamed, so what has its name
is whole; whoever maps files that are removed keeps them until it lets go of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph.checkpoint import Position
from graph.errors import GraphUnavailable
from graph.layout import EdgeKind
from graph.snapshot.column import EDGE, NODE, SNAPSHOT_LAYOUT, Array
from graph.snapshot.table import Index, Table
from graph.snapshot.view import Circles, Nodes, Snapshot

_CURRENT = "CURRENT"
_CIRCLES = ("start", "members", "firms", "component")
_TRIES = 5


@dataclass(frozen=True)
class Base:
    """A whole graph: nodes sorted by id, each kind sorted by source, and its two indexes."""

    nodes: Mapping[str, Array]
    edges: Mapping[EdgeKind, Mapping[str, Array]]
    outward: Mapping[EdgeKind, Index]
    inward: Mapping[EdgeKind, Index]
    by_id: Mapping[EdgeKind, Array]  # rows in the order of the relations' ids


@dataclass(frozen=True)
class Delta:
    """All that has changed since a base."""

    added_nodes: Mapping[str, Array]
    changed: Array
    values: Mapping[str, Array]
    added: Mapping[EdgeKind, Mapping[str, Array]]
    dead: Mapping[EdgeKind, Array]
    circles: Circles | None

    @property
    def edges(self) -> int:
        """How many relations it adds or takes away."""
        added = sum(len(one["source"]) for one in self.added.values())
        return added + sum(map(len, self.dead.values()))


@dataclass(frozen=True)
class State:
    """What `CURRENT` says: which files, of which database, at which position."""

    generation: str  # drawn when a folder is begun
    source: str
    base: int
    delta: int
    position: Position
    texts: Mapping[str, list[str]]

    @property
    def id(self) -> str:
        """The snapshot's id: opaque, the same as long as the graph is the same."""
        return f"{self.generation}-{self.base:x}-{self.delta:x}"


@dataclass(frozen=True)
class Opened:
    """A snapshot with the files it was opened from, so that the next may share them."""

    state: State
    base: Base
    delta: Delta
    snapshot: Snapshot


class Folder:
    """The snapshots of one node."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def state(self) -> State | None:
        """What is current, None when there is nothing of this layout yet."""
        try:
            told = json.loads((self.path / _CURRENT).read_bytes())
            if told["layout"] != SNAPSHOT_LAYOUT:
                return None
            return State(
                told["generation"],
                told["source"],
                told["base"],
                told["delta"],
                Position.parse(told["position"]),
                told["texts"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def stamp(self) -> tuple[int, int] | None:
        """What changes whenever another snapshot becomes current."""
        try:
            found = (self.path / _CURRENT).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def write_base(self, number: int, base: Base) -> None:
        """Write a base; nobody opens it before it is made current."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft, final = self.path / f".base-{number}", self._base(number)
        for old in (draft, final):
            shutil.rmtree(old, ignore_errors=True)
        draft.mkdir(mode=0o700)
        for name, values in _files(base):
            with (draft / f"{name}.npy").open("wb") as file:
                np.save(file, values, allow_pickle=False)
                _synchronise(file)
        _synchronise_folder(draft)
        draft.rename(final)
        _synchronise_folder(self.path)

    def write_delta(self, state: State, delta: Delta) -> None:
        """Write what has changed since the base."""
        final = self._delta(state.base, state.delta)
        draft = final.with_name(f".{final.name}")
        with draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **_delta_arrays(delta))
            _synchronise(file)
        draft.rename(final)

    def make_current(self, state: State) -> None:
        """Let readers open this state from now on, and remove what is no longer named."""
        draft = self.path / f".{_CURRENT}"
        told = {
            "layout": SNAPSHOT_LAYOUT,
            "generation": state.generation,
            "source": state.source,
            "base": state.base,
            "delta": state.delta,
            "position": str(state.position),
            "texts": state.texts,
        }
        with draft.open("wb") as file:
            file.write(json.dumps(told, ensure_ascii=False).encode())
            _synchronise(file)
        draft.rename(self.path / _CURRENT)
        _synchronise_folder(self.path)
        kept = {_CURRENT, self._base(state.base).name, self._delta(state.base, state.delta).name}
        for entry in self.path.iterdir():
            if entry.name in kept:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.unlink()

    def open_base(self, number: int) -> Base:
        """Map a base. Raises OSError, ValueError when its files are not there or not whole."""
        folder = self._base(number)

        def column(name: str) -> Array:
            found: Array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            return found.view(np.ndarray)  # a plain array costs less for each slice

        edges, outward, inward, by_id = {}, {}, {}, {}
        for kind, columns in EDGE.items():
            edges[kind] = {name: column(f"{kind}-{name}") for name in columns}
            outward[kind] = Index(column(f"{kind}+out"), None)
            inward[kind] = Index(column(f"{kind}+in"), column(f"{kind}+in_order"))
            by_id[kind] = column(f"{kind}+by_id")
        nodes = {name: column(f"node-{name}") for name in NODE}
        return Base(nodes, edges, outward, inward, by_id)

    def open_delta(self, state: State) -> Delta:
        """Read what has changed since a base. Raises OSError, ValueError."""
        try:
            with np.load(self._delta(state.base, state.delta), allow_pickle=False) as told:
                return _delta_of({name: told[name] for name in told.files})
        except (zipfile.BadZipFile, KeyError, EOFError) as cause:
            raise ValueError("a delta is not whole") from cause

    def open(self, before: Opened | None = None) -> Opened:
        """Map what is current, of `before` what is still the same.

        Raises GraphUnavailable while there is nothing to map.
        """
        for _ in range(_TRIES):
            state = self.state()
            if state is None:
                break
            same = before is not None and before.state.generation == state.generation
            try:
                base = before.base if same and before and before.state.base == state.base else None
                delta = before.delta if before and same and before.state.id == state.id else None
                base = base or self.open_base(state.base)
                delta = delta or self.open_delta(state)
                return Opened(state, base, delta, assembled(state, base, delta))
            except FileNotFoundError:  # replaced between the two steps
                continue
            except (OSError, ValueError) as cause:
                raise GraphUnavailable(
                    "The graph snapshot cannot be read: it is remade."
                ) from cause
        raise GraphUnavailable("The graph snapshot is being made: ask again later.")

    def _base(self, number: int) -> Path:
        return self.path / f"base-{number}"

    def _delta(self, base: int, number: int) -> Path:
        return self.path / f"delta-{base}-{number}.npz"


def assembled(state: State, base: Base, delta: Delta) -> Snapshot:
    """A base and its changes as one snapshot."""
    nodes = Nodes(base.nodes, delta.added_nodes, delta.changed, delta.values)
    tables = {
        kind: Table.of(
            kind,
            base.edges[kind],
            base.outward[kind],
            base.inward[kind],
            delta.added[kind],
            delta.dead[kind],
        )
        for kind in EDGE
    }
    return Snapshot(
        state.id, state.source, state.position, nodes, tables, state.texts, delta.circles
    )


def _files(base: Base) -> list[tuple[str, Array]]:
    found = [(f"node-{name}", values) for name, values in base.nodes.items()]
    for kind, columns in base.edges.items():
        found += [(f"{kind}-{name}", values) for name, values in columns.items()]
        inward = base.inward[kind]
        assert inward.order is not None
        found += [
            (f"{kind}+out", base.outward[kind].start),
            (f"{kind}+in", inward.start),
            (f"{kind}+in_order", inward.order),
            (f"{kind}+by_id", base.by_id[kind]),
        ]
    return found


def _delta_arrays(delta: Delta) -> dict[str, Any]:
    found: dict[str, Any] = {f"node-{name}": v for name, v in delta.added_nodes.items()}
    found["changed"] = delta.changed
    found |= {f"value-{name}": v for name, v in delta.values.items()}
    for kind, columns in delta.added.items():
        found |= {f"{kind}-{name}": v for name, v in columns.items()}
        found[f"{kind}+dead"] = delta.dead[kind]
    if delta.circles is not None:
        found |= {f"circle-{name}": getattr(delta.circles, name) for name in _CIRCLES}
    return found


def _delta_of(told: Mapping[str, Array]) -> Delta:
    return Delta(
        {name: told[f"node-{name}"] for name in NODE},
        told["changed"],
        {name: told[f"value-{name}"] for name in NODE},
        {
            kind: {name: told[f"{kind}-{name}"] for name in columns}
            for kind, columns in EDGE.items()
        },
        {kind: told[f"{kind}+dead"] for kind in EDGE},
        Circles(*(told[f"circle-{name}"] for name in _CIRCLES)) if "circle-start" in told else None,
    )


def _synchronise(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _synchronise_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
