"""JSON files as rows: one object a line, or a document with a list of objects."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from store.errors import StoreError
from store.intake.source import (
    LONGEST_LINE,
    UTF8,
    UTF8_BOM,
    Row,
    is_broken,
    physical_lines,
    row_fault,
)

_CHUNK = 1 << 20  # characters read at a time
_WHOLE = 32 << 20  # bytes of a document that has its list inside an object
_INK = re.compile(r"[^ \t\r\n]")


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A file with one object per line; cells in the order of `headers`."""

    path: Path
    encoding: str
    headers: tuple[str, ...]
    header_line: int = 0

    def rows(self) -> Iterator[Row]:
        """Every line under its number; numbers keep their digits."""
        for number, (text, read) in enumerate(physical_lines(self.path, self.encoding), 1):
            if not text or text.isspace():
                continue
            if is_broken(text):
                yield Row(number, [text], "ENCODING", read)
                continue
            value = parse_object(text)
            if value is None:
                yield Row(number, [text[:_CHUNK]], "JSON_INVALID", read)
                continue
            cells = [value.get(name, "") for name in self.headers]
            yield Row(number, cells, row_fault(cells, len(cells)), read)


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """A list of objects, or an object that holds one; a row's line is its place in the list."""

    path: Path
    encoding: str
    headers: tuple[str, ...]
    header_line: int = 0

    def rows(self) -> Iterator[Row]:
        """Every member of the list under its number, from 1; numbers keep their digits."""
        for number, (value, text, read) in enumerate(_members(self.path, self.encoding), 1):
            if is_broken(text):
                yield Row(number, [text], "ENCODING", read)
            elif value is None:
                yield Row(number, [text[:_CHUNK]], "JSON_INVALID", read)
            else:
                cells = [value.get(name, "") for name in self.headers]
                yield Row(number, cells, row_fault(cells, len(cells)), read)


def is_document(path: Path, encoding: str) -> bool:
    """Whether a file that begins with a bracket is one document and no JSON Lines."""
    first = next((t for t, _ in physical_lines(path, encoding) if t and not t.isspace()), "")
    return first.lstrip().startswith("[") or parse_object(first) is None or _list_in(first)


def keys_of_lines(path: Path, encoding: str) -> list[str]:
    """The members of all objects of a JSON Lines file in order: lines leave optional ones out."""
    keys: dict[str, None] = {}
    for text, _ in physical_lines(path, encoding):
        try:
            value = orjson.loads(text) if len(text) <= LONGEST_LINE else None
        except ValueError:
            continue  # that line is rejected when it is read
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
    return list(keys)


def keys_of_document(path: Path, encoding: str) -> list[str]:
    """The members of all objects of a document's list; raises StoreError `JSON_TOO_LARGE`."""
    keys: dict[str, None] = {}
    for value, _, _ in _members(path, encoding):
        keys.update(dict.fromkeys(value or ()))
    return list(keys)


def parse_object(text: str) -> dict[str, str] | None:
    """A JSON object with every value as the text a CSV cell would hold.

    None when it is none, is too long, or names a member twice: which was meant is not known.
    """
    if len(text) > LONGEST_LINE:
        return None
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return _cells(value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


_DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique
)


def _cells(value: object) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {name: _cell(held) for name, held in value.items()}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(_cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _list_in(text: str) -> bool:
    """Whether one line is a whole document: an object with a list of objects in it."""
    try:
        return _longest(_DECODER.decode(text)) is not None
    except (ValueError, RecursionError):
        return True


def _longest(value: object, depth: int = 6) -> list[object] | None:
    """The longest list of objects inside a document."""
    found: list[list[object]] = []
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        found.append(value)
    inner: Iterable[object] = ()
    if depth and isinstance(value, dict):
        inner = value.values()
    elif depth and isinstance(value, list) and len(value) == 1:
        inner = value
    found += [one for one in (_longest(item, depth - 1) for item in inner) if one is not None]
    # Of equally long lists the innermost: a page around the list is itself a list of one.
    return max(reversed(found), key=len) if found else None


def _members(path: Path, encoding: str) -> Iterator[tuple[dict[str, str] | None, str, int]]:
    """Each member of a document's list: its cells or None, its text, and the bytes read."""
    with path.open("rb") as file:
        reader = _Characters(file, encoding)
        if reader.peek() == "[":
            yield from _listed(reader)
            return
    yield from _whole(path, encoding)


def _listed(reader: _Characters) -> Iterator[tuple[dict[str, str] | None, str, int]]:
    """The members of an array, or of the list inside the one object that is its only member."""
    streamed = _streamed(reader)
    first, second = next(streamed, None), next(streamed, None)
    if first is not None and second is None and isinstance(first[0], dict):
        # One declaration alone is meant itself, and not the interests inside it.
        inside = None if "statementId" in first[0] else _longest(first[0])
        if inside is not None:  # one page round the list that is meant
            yield from (_member(value, first[2]) for value in inside)
            return
    for found in (first, second):
        if found is not None:
            yield _cells(found[0]), found[1], found[2]
    for value, text, read in streamed:
        yield _cells(value), text, read


def _member(value: object, read: int) -> tuple[dict[str, str] | None, str, int]:
    cells = _cells(value)
    return cells, _cell(value) if cells is None else "".join(cells.values()), read


def _whole(path: Path, encoding: str) -> Iterator[tuple[dict[str, str] | None, str, int]]:
    """The members of the longest list inside an object."""
    size = path.stat().st_size
    if size > _WHOLE:
        raise StoreError(
            "JSON_TOO_LARGE",
            f"{path.name}：请改为对象数组或JSON Lines。The list is inside an object of more than"
            f" {_WHOLE >> 20} MB: send the list alone, or one object a line.",
        )
    text = _text(path, encoding)
    try:
        found = _longest(_DECODER.decode(text))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        yield None, text[:_CHUNK], size
    else:
        yield from (_member(value, size) for value in found)


def _text(path: Path, encoding: str) -> str:
    codec = UTF8 if encoding == UTF8_BOM else encoding
    return path.read_bytes().decode(codec, "surrogateescape").removeprefix("\ufeff")


class _Characters:
    """The characters of a file, refilled as they are used; `text` from `at` on is to be read."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        codec = UTF8 if encoding == UTF8_BOM else encoding
        self._file = file
        self._decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
        self.text = ""
        self.at = 0
        self.read = 0
        self.ended = False

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        if self.ended:
            return False
        raw = self._file.read(_CHUNK)
        self.read += len(raw)
        self.ended = not raw
        decoded = self._decoder.decode(raw, self.ended).replace("\ufeff", "")
        self.text, self.at = self.text[self.at :] + decoded, 0
        return True

    def peek(self) -> str:
        """The next character that is no blank, "" at the end."""
        while True:
            found = _INK.search(self.text, self.at)
            if found is not None:
                self.at = found.start()
                return found[0]
            self.at = len(self.text)
            if not self.more():
                return ""

    def value(self) -> tuple[object, str] | None:
        """The next JSON value and its text; None when there is none that can be read."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                return None
            except ValueError:
                if len(self.text) - self.at < LONGEST_LINE and self.more():
                    continue
                return None
            # A number or word may go on behind what has been read.
            if end == len(self.text) and self.more():
                continue
            text = self.text[self.at : end]
            self.at = end
            return value, text


def _streamed(reader: _Characters) -> Iterator[tuple[object, str, int]]:
    """The members of an array, one at a time; what follows a broken one is not guessed at."""
    reader.at += 1
    while True:
        following = reader.peek()
        if following == ",":
            reader.at += 1
            following = reader.peek()
        if following == "]":
            reader.at += 1
            following = reader.peek()
            if following == "[":  # pages one behind the other
                reader.at += 1
                continue
            if not following:
                return
        found = reader.value() if following else None
        if found is None:  # broken, or the file was cut off
            yield None, reader.text[reader.at : reader.at + _CHUNK], reader.read
            return
        yield *found, reader.read
