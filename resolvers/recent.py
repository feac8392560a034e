"""What a node keeps of what it was asked, bounded by number and by size."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class Recent(Generic[Item]):
    """The values used last: at most `size` of them, and together at most `weight`."""

    def __init__(self, size: int, weight: int) -> None:
        self._size = size
        self._left = weight
        self._items: OrderedDict[Any, tuple[Item, int]] = OrderedDict()

    def get(self, key: Any) -> Item | None:
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def put(self, key: Any, item: Item, weight: int) -> Item:
        self._items[key] = (item, weight)
        self._left -= weight
        while len(self._items) > self._size or (self._left < 0 and len(self._items) > 1):
            self._left += self._items.popitem(last=False)[1][1]
        return item

    def __len__(self) -> int:
        return len(self._items)


class Room:
    """Room for what the plans of a node keep compiled, of so many characters in all: what was
    compiled first leaves first."""

    def __init__(self, characters: int) -> None:
        self._left = characters
        self._held: deque[tuple[dict[Any, Any], Any, int]] = deque()

    def hold(self, shapes: dict[Any, Any], key: Any, characters: int) -> None:
        """Make room for what `shapes` holds by a key now."""
        self._held.append((shapes, key, characters))
        self._left -= characters
        while self._left < 0 and len(self._held) > 1:
            older, at, freed = self._held.popleft()
            older.pop(at, None)
            self._left += freed
