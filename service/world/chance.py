"""Draws that depend on nothing but seed, kind, index and field."""

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import TypeVar

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15

T = TypeVar("T")


def mix(state: int) -> int:
    """Scramble 64 bits: the output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


@lru_cache(maxsize=4096)
def label(text: str) -> int:
    """Turn a name into 64 bits (FNV-1a over UTF-8), independent of Python's hash seed."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


class Draw:
    """The draws of one entity; every field is a stream of its own, so order never matters."""

    __slots__ = ("state",)

    def __init__(self, state: int) -> None:
        self.state = state

    def below(self, field: str, bound: int) -> int:
        """Return an integer in [0, bound)."""
        return mix((self.state + label(field) * GAMMA) & MASK) % bound

    def hits(self, field: str, per_mille: int) -> bool:
        """Return True with a chance of per_mille / 1000."""
        return mix((self.state + label(field) * GAMMA) & MASK) % 1000 < per_mille

    def pick(self, field: str, options: Sequence[T]) -> T:
        """Return one option, each equally likely."""
        return options[mix((self.state + label(field) * GAMMA) & MASK) % len(options)]

    def weighted(self, field: str, options: Sequence[tuple[T, int]]) -> T:
        """Return one option in proportion to its integer weight."""
        rest = self.below(field, sum(weight for _, weight in options))
        for value, weight in options:
            rest -= weight
            if rest < 0:
                return value
        raise AssertionError("weights must be positive")

    def normal(self, field: str) -> int:
        """Return thousandths of a standard normal deviate (sum of twelve, Irwin-Hall)."""
        first = mix((self.state + label(field) * GAMMA) & MASK)
        second = mix((first + GAMMA) & MASK)
        total = 0
        for _ in range(6):
            total += first % 1000 + second % 1000
            first //= 1000
            second //= 1000
        return total - 5994


class Chance:
    """All draws of one world."""

    __slots__ = ("seed",)

    def __init__(self, seed: int) -> None:
        self.seed = mix(seed & MASK)

    def of(self, kind: str, index: int) -> Draw:
        """Return the draws of the entity number `index` (0 or more) of a kind."""
        return Draw(mix((mix(self.seed ^ label(kind)) + (index + 1) * GAMMA) & MASK))

    def shuffle(self, name: str, size: int) -> "Shuffle":
        """Return a permutation of range(size) that belongs to this seed and name."""
        return Shuffle(self.of("shuffle", label(name) >> 1), size)


class Shuffle:
    """An affine permutation of range(size): distinct indexes stay distinct, nothing is stored."""

    __slots__ = ("factor", "offset", "size")

    def __init__(self, draw: Draw, size: int) -> None:
        factor = draw.below("factor", size)
        while gcd(factor, size) != 1:
            factor += 1
        self.size = size
        self.factor = factor
        self.offset = draw.below("offset", size)

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise IndexError(f"{index} is outside the {self.size} places of this shuffle")
        return (index * self.factor + self.offset) % self.size
