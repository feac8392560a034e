"""How often one address may ask unsigned: a token bucket each, bounded in number."""

from __future__ import annotations

from collections import OrderedDict


class RateLimit:
    """`burst` requests at once, `per_minute` over time; `addresses` are remembered at most."""

    def __init__(self, per_minute: int, burst: int, addresses: int = 50_000) -> None:
        self._rate = per_minute / 60
        self._burst = float(burst)
        self._addresses = addresses
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, address: str, now: float) -> bool:
        """Whether a request of this address at this time (seconds, monotonic) may pass."""
        level, since = self._buckets.pop(address, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        admitted = level >= 1
        self._buckets[address] = (level - 1 if admitted else level, now)
        if len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        return admitted
