"""All files of a world: which unit sends what in which format, and what intake should find."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from service.world.chance import Chance, label
from service.world.column import COLUMNS
from service.world.feed import Csv, FeedFile, JsonArray, JsonLines, Table
from service.world.form import NUMBERS, form
from service.world.former_form import is_former
from service.world.workbook import Workbook
from service.world.written import GB18030, UTF8, UTF8_BOM, HashedFile, Lines, WrittenFile

# Which units send what as JSON Lines, which write national ids as headers of their CSV.
_JSON_LINES = {
    ("shenyang", "ecology", "penalty"),
    ("shenyang", "business-environment", "licence"),
    ("benxi", "transport", "penalty"),
    ("benxi", "finance", "loans"),
    ("shenyang", "credit-centre", "evaluation"),
    ("benxi", "power", "utility_arrears"),
}
# Spreadsheets: whether dates are serials, and the lines above the header.
_WORKBOOKS = {
    ("benxi", "tax", "evaluation"): (False, ()),
    ("benxi", "social-security", "social_insurance_arrears"): (
        True,
        ("本溪市社会保险费欠缴情况表", "填报单位：本溪市人力资源和社会保障局    单位：元"),
    ),
    ("shenyang", "housing-fund", "housing_fund_arrears"): (False, ("沈阳市住房公积金欠缴明细",)),
    ("shenyang", "tax", "tax_arrears"): (True, ()),
    ("shenyang", "market-regulation", "inspection"): (
        True,
        ("双随机、一公开抽查结果", "注：检查结果按统一口径填写"),
    ),
    ("shenyang", "urban-management", "penalty"): (False, ()),
    ("benxi", "ecology", "red_list"): (True, ()),
}
_JSON_ARRAYS = {"court_defaulter"}
_NATIONAL = {("benxi", "market-regulation"), ("shenyang", "transport"), ("benxi", "ecology")}
_ENCODINGS = {
    "feeds/benxi/20241115_market-regulation_penalty.csv": GB18030,
    "feeds/shenyang/20250613_market-regulation_penalty.csv": GB18030,
    "feeds/shenyang/20241227_market-regulation_officers.csv": GB18030,
    "feeds/benxi/20260327_market-regulation_abnormal_operation.csv": GB18030,
    "feeds/benxi/20251226_market-regulation_holders.csv": UTF8_BOM,
    "feeds/benxi/20240419_business-environment_licence.csv": UTF8_BOM,
    "feeds/shenyang/20251219_transport_penalty.csv": UTF8_BOM,
    "feeds/benxi/20260618_housing-fund_housing_fund_arrears.csv": UTF8_BOM,
}
_DOUBLE_PUBLICITY = ("licence", "penalty")


class Folder:
    """All files of one world; use as a context manager."""

    def __init__(self, root: Path, chance: Chance) -> None:
        self.root = root
        self._chance = chance
        self._lines: dict[str, Lines] = {}
        self._feeds: dict[tuple[str, str, str, str], FeedFile] = {}
        self._written: list[WrittenFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def lines(self, path: str) -> Lines:
        """Return the JSON Lines file at a path, opened when first asked for."""
        found = self._lines.get(path)
        if found is None:
            found = self._lines[path] = Lines(self.root, path)
        return found

    def document(self, path: str, content: object) -> None:
        """Write one JSON document."""
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        self._bytes(path, orjson.dumps(content, option=option))

    def text(self, path: str, content: str) -> None:
        """Write one text."""
        self._bytes(path, content.encode())

    def _bytes(self, path: str, content: bytes) -> None:
        file = HashedFile(self.root, path)
        file.write_bytes(content)
        self._written.append(file.close())

    def feed(self, city: str, sent: str, unit: str, kind: str) -> FeedFile:
        """Return the batch that a unit sends on a day (YYYYMMDD)."""
        key = (city, sent, unit, kind)
        found = self._feeds.get(key)
        if found is None:
            found = self._feeds[key] = self._opened(city, sent, unit, kind)
        return found

    def _opened(self, city: str, sent: str, unit: str, kind: str) -> FeedFile:
        former = is_former(city, unit, kind, sent)
        sender = (city, unit, kind)
        stem = f"feeds/{city}/{sent}_{unit}_{kind}"
        national = kind in _DOUBLE_PUBLICITY and (city, unit) in _NATIONAL
        columns = form(kind, 2015 if former else 2018) or COLUMNS[kind]
        table: Table
        if kind in _JSON_ARRAYS:
            file = HashedFile(self.root, f"{stem}.json")
            return FeedFile(file, columns, JsonArray(file), national=True, keyed=True)
        if sender in _JSON_LINES and not former:
            file = HashedFile(self.root, f"{stem}.jsonl")
            national = kind in _DOUBLE_PUBLICITY
            return FeedFile(file, columns, JsonLines(file), national=national, keyed=True)
        if sender in _WORKBOOKS and not former:
            typed, titles = _WORKBOOKS[sender]
            file = HashedFile(self.root, f"{stem}.xlsx")
            table = Workbook(file, titles, NUMBERS, typed=typed)
            return FeedFile(file, columns, table, national=national)
        path = f"{stem}.csv"
        file = HashedFile(self.root, path, self._encoding(path))
        return FeedFile(file, columns, Csv(file), national=national)

    def _encoding(self, path: str) -> str:
        drawn = self._chance.of("encoding", label(path)).below("encoding", 1000)
        return _ENCODINGS.get(path) or (GB18030 if drawn < 30 else UTF8_BOM if drawn < 60 else UTF8)

    def expectations(self) -> dict[str, Any]:
        """Return what intake must say of every feed, by path."""
        told = {feed.file.path: feed.expectation() for feed in self._feeds.values()}
        return dict(sorted(told.items()))

    def finish(self) -> tuple[WrittenFile, ...]:
        """Close everything and return what was written, by path."""
        for feed in self._feeds.values():
            feed.table.end()
            self._written.append(feed.file.close())
        self._written.extend(lines.close() for lines in self._lines.values())
        self._feeds.clear()
        self._lines.clear()
        self._written.sort(key=lambda file: file.path)
        return tuple(self._written)
