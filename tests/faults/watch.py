"""Collects every checkpoint that a log publishes, and those it signs but cannot publish."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.judge import Sighting, head_size

_PAUSE = 0.003


class Watch:
    """Looks at a log's folder for the time of a block."""

    def __init__(self, folder: Path) -> None:
        self.sightings: list[Sighting] = []
        self._files = (folder / "checkpoint", folder / "checkpoint.part")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._seen: set[bytes] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._take()

    @property
    def size(self) -> int:
        """The largest size seen."""
        return max((head_size(one.note) for one in self.sightings), default=0)

    def _look(self) -> None:
        while not self._stop.wait(_PAUSE):
            self._take()

    def _take(self) -> None:
        for path in self._files:
            with contextlib.suppress(OSError):
                note = path.read_bytes()
                # A draft that is cut short was never published, nor could anybody take it for one.
                whole = note.endswith(b"\n") and note.count(b"\n") >= 5
                if note not in self._seen and (whole or path is self._files[0]):
                    self._seen.add(note)
                    self.sightings.append(Sighting(time.time(), note))
