"""How names sound 拼音: the readings of each character, and texts of letters read as such.

A character has up to four readings, that of the words it stands in first (重庆, 乐亭), then its
own (单 dan, chan, shan), without tones. `spelt` writes a name with its readings so that a pattern
can be matched against it, `sounds` gives the fragments by which candidates are found: pairs of
syllables, and triples of initials.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise, product

from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

from store.simplified import searched_name, simplified

READINGS = 4  # of one character
_LONGEST_WORD = 4
_RUN = re.compile("[a-z]+")
_VOWEL = re.compile("[aeiouv]")
# A tone follows its letter. Each character fits in one way only: nothing is tried again.
_TONED = re.compile(r"[a-zü:](?:[a-zü:\s'-]|(?<=[a-zü:])[1-5])*")
_INITIALS = 12  # letters that may all be initials
_SPELLINGS = 3  # ways of cutting a run of letters into syllables
SOUNDINGS = _SPELLINGS + 1  # ways of reading one text
_SYLLABLE_COST, _PREFIX_COST = 10, 16


@dataclass(frozen=True, slots=True)
class Piece:
    """What one character of a name must be: itself, or read so; `whole` or only beginning so."""

    text: str
    is_character: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Sounding:
    """One way of reading a text: fragments that candidates have, and the pattern of `spelt`, in
    pieces of one character each."""

    fragments: tuple[str, ...]
    pieces: tuple[str, ...]
    initials: bool

    @property
    def pattern(self) -> str:
        """For PostgreSQL, which follows all readings of a character at once."""
        return "".join(self.pieces)

    def place(self, spelt: str) -> int | None:
        """Where a name has this way first, None where nowhere; no character is read again."""
        found = re.search("".join([f"(?>{piece})" for piece in self.pieces]), spelt)
        return found.start() if found else None


@lru_cache(maxsize=1 << 15)
def readings(character: str) -> tuple[str, ...]:
    """The readings of a character without tones, ü as v; of a letter or digit itself; or none."""
    if character.isascii():
        return (character.lower(),) if character.isalnum() else ()
    told = PINYIN_DICT.get(ord(character))
    if told is None:
        return ()
    return tuple(dict.fromkeys(toneless(one) for one in told.split(",")))[:READINGS]


def toneless(text: str) -> str:
    """Small letters without tone marks, ü as v."""
    marked = unicodedata.normalize("NFD", text.lower()).replace("u\u0308", "v")
    return "".join([one for one in marked if not unicodedata.combining(one)])


Read = list[tuple[str, tuple[str, ...]]]


def read_name(name: str) -> Read:
    """The characters of a name that have a reading, each with its readings."""
    plain = searched_name(name)
    found = [(one, list(readings(one))) for one in plain]
    for start in range(len(plain)):
        for length in range(2, _LONGEST_WORD + 1):
            word = PHRASES_DICT.get(plain[start : start + length])
            if word is None or len(word) != length:
                continue
            for at, told in enumerate(word, start):
                first = toneless(told[0])
                held = found[at][1]
                if first in held:
                    held.remove(first)
                held.insert(0, first)
    return [(one, tuple(held[:READINGS])) for one, held in found if held]


def spelt(name: str) -> str:
    """The name with its readings: `/本 ben /溪 xi qi /`."""
    return _spelt(read_name(name))


def sounds(name: str) -> list[str]:
    """The fragments of a name's sound, sorted and distinct."""
    return _sounds(read_name(name))


def heard(name: str) -> tuple[str, list[str]]:
    """`spelt` and `sounds` of a name, which is read once."""
    read = read_name(name)
    return _spelt(read), _sounds(read)


def _spelt(read: Read) -> str:
    return "".join([f"/{one} {' '.join(told)} " for one, told in read]) + "/"


def _sounds(read: Read) -> list[str]:
    told = [_also(one) for _, one in read]
    found = {f"{one} {other}" for a, b in pairwise(told) for one, other in product(a, b)}
    first = [sorted({one[0] for one in each}) for each in told]
    for triple in zip(first, first[1:], first[2:], strict=False):
        found.update(map("".join, product(*triple)))
    return sorted(found)


def _also(told: Sequence[str]) -> list[str]:
    """Readings with v may be typed with u."""
    return [*told, *[one.replace("v", "u") for one in told if "v" in one]]


@cache
def syllables() -> frozenset[str]:
    """All syllables that characters have."""
    return frozenset(
        one
        for told in PINYIN_DICT.values()
        for spelling in told.split(",")
        for one in _also([toneless(spelling)])
        if _RUN.fullmatch(one) and _VOWEL.search(one)  # 嗯 n, 呣 m are no syllables of names
    )


@cache
def _prefixes() -> frozenset[str]:
    return frozenset({one[0] for one in syllables()} | {"zh", "ch", "sh"})


@lru_cache(maxsize=1 << 10)
def soundings(text: str) -> tuple[Sounding, ...]:
    """How a text with letters in it may be meant as sounds, the likeliest first; up to four.

    Blanks and signs part syllables; tones, as marks or digits, do not matter.
    Empty for texts without letters, and for what is shorter than two syllables or three initials.
    """
    folded = simplified(unicodedata.normalize("NFKC", text)).lower()
    folded = folded.replace("’", "'").replace("u:", "v")
    if _TONED.fullmatch(toneless(folded)):
        folded = re.sub("[1-5]", "", folded)
    plain = toneless(folded)
    parts = [part for part in re.split(r"[\W_]+", plain) if part]
    letters = "".join(parts)
    found: list[list[Piece]] = []
    if _RUN.search(letters):
        found = list(_cut(parts))
        if letters.isascii() and letters.isalpha() and 3 <= len(letters) <= _INITIALS:
            found.append([Piece(one, False, False) for one in letters])
    told = [one for pieces in found if (one := _sounding(pieces)) is not None]
    return tuple(dict.fromkeys(told))[:SOUNDINGS]


def _cut(parts: Sequence[str]) -> Iterator[list[Piece]]:
    """The cheapest ways of cutting all parts into characters and readings."""
    ways: list[tuple[int, list[Piece]]] = [(0, [])]
    for part in parts:
        for run in re.findall("[a-z]+|[^a-z]", part):
            if not _RUN.fullmatch(run):
                more = [(0, [Piece(run.upper(), True, True)])]
            else:
                more = _spellings(run)
            ways = sorted(
                ((a + b, [*x, *y]) for a, x in ways for b, y in more), key=lambda way: way[0]
            )[:_SPELLINGS]
    for _, pieces in ways:
        yield pieces


def _spellings(run: str) -> list[tuple[int, list[Piece]]]:
    """The cheapest ways of cutting a run of letters into syllables and beginnings of some."""
    best: list[list[tuple[int, list[Piece]]]] = [[(0, [])]]
    for end in range(1, len(run) + 1):
        ways: list[tuple[int, list[Piece]]] = []
        for start in range(max(end - 6, 0), end):
            piece = run[start:end]
            if piece in syllables():
                ways += [
                    (c + _SYLLABLE_COST, [*x, Piece(piece, False, True)]) for c, x in best[start]
                ]
            elif piece in _prefixes():
                ways += [
                    (c + _PREFIX_COST, [*x, Piece(piece, False, False)]) for c, x in best[start]
                ]
        best.append(sorted(ways, key=lambda way: way[0])[:_SPELLINGS])
    return best[-1]


def _sounding(pieces: Sequence[Piece]) -> Sounding | None:
    told = [
        (readings(piece.text) or ("",))[0] if piece.is_character else piece.text for piece in pieces
    ]
    if not all(told):
        return None
    whole = [piece.whole for piece in pieces]
    fragments = {
        f"{a} {b}"
        for (a, b), both in zip(pairwise(told), pairwise(whole), strict=True)
        if all(both)
    }
    fragments |= {a[0] + b[0] + c[0] for a, b, c in zip(told, told[1:], told[2:], strict=False)}
    if not fragments:
        return None
    return Sounding(
        tuple(sorted(fragments)), tuple([_pattern(piece) for piece in pieces]), not all(whole)
    )


def _pattern(piece: Piece) -> str:
    if piece.is_character:
        return f"/{re.escape(piece.text)} [^/]*"
    read, umlaut = piece.text, piece.text.replace("u", "v")
    if umlaut in syllables():
        read = umlaut.replace("v", "[vu]")
    return f"/[^/]* {read}{' ' if piece.whole else ''}[^/]*"
