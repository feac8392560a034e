"""Where a world is written down: truth by name, feeds by city, unit, kind and day, and counts."""

from collections.abc import Callable
from datetime import date

from service.world.city import City
from service.world.feed import FeedFile
from service.world.folder import Folder
from service.world.party import Parties

Progress = Callable[[str, int, int], None]


class Ledger:
    """The open files of one world and how many rows of truth there are of each name."""

    def __init__(self, parties: Parties, folder: Folder, progress: Progress | None) -> None:
        self.parties = parties
        self.folder = folder
        self.counts: dict[str, int] = {}
        self._progress = progress

    def tell(self, name: str, row: object) -> None:
        """Write one row of truth."""
        self.folder.lines(f"truth/{name}.jsonl").add(row)
        self.counts[name] = self.counts.get(name, 0) + 1

    def feed(self, city: City, day: date, unit: str, kind: str) -> FeedFile:
        """Return the batch that a unit sends to a city's node on a day."""
        return self.folder.feed(city.slug, day.strftime("%Y%m%d"), unit, kind)

    def note(self, stage: str, done: int, total: int) -> None:
        """Tell the caller how far the world has come, every thousand rows."""
        if self._progress is not None and done % 1000 == 0:
            self._progress(stage, done, total)
