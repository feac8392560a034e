"""A graph that was filled beside the one that serves, put in its place: whole or not at all.

The filling is a folder of its own; its mark is written when everything in it is complete. Whoever
starts the server next finishes what a kill has cut off: a marked filling takes the place of the
data, one without a mark is thrown away.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from service.process import replace_file

_FOLDER, _MARK, _DATABASE = "filling", "complete", "neo4j"
_PARTS = ("transactions", "databases")


def filling(neo4j_home: Path) -> Path:
    """The folder in which a graph is filled."""
    return neo4j_home / _FOLDER


def complete(neo4j_home: Path) -> None:
    """Mark the filling as complete."""
    replace_file(filling(neo4j_home) / _MARK, "")


def is_complete(neo4j_home: Path) -> bool:
    """Whether a complete filling waits to be taken over."""
    return (filling(neo4j_home) / _MARK).exists()


def holds(neo4j_home: Path) -> bool:
    """Whether a graph has its place, or part of one."""
    return any((neo4j_home / "data" / part / _DATABASE).exists() for part in _PARTS)


def take_over(neo4j_home: Path) -> bool:
    """Put a complete filling in the place of the data, while no server runs; whether there was one.

    Done again after a kill at any moment it ends the same.
    """
    folder = filling(neo4j_home)
    found = is_complete(neo4j_home)
    if found:
        for part in _PARTS:
            made, place = folder / "data" / part / _DATABASE, neo4j_home / "data" / part / _DATABASE
            if made.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                made.rename(place)
        (folder / _MARK).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    return found
