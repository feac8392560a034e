"""What a node counts is told in a format that Prometheus reads."""

from __future__ import annotations

import re

from resolvers.answer import Lane
from resolvers.lane_count import LaneCount, Reason
from service.metrics import exposition

_SAMPLE = re.compile(r'[a-z_]+\{([a-z]+="[a-z0-9_]+",?)+\} \d+')


def test_operations_are_counted_by_lane_and_reason() -> None:
    counts = LaneCount()
    counts.add(Lane.COMPILED, Reason.STORED)
    counts.add(Lane.EXECUTOR, Reason.REFUSED_BY_STORE)
    counts.add(Lane.EXECUTOR, Reason.REFUSED_BY_STORE)
    text = exposition(counts, 7)
    assert text.endswith("\n")
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(_SAMPLE.fullmatch(line) for line in samples)
    assert samples == [
        'xinqiao_operations_total{lane="compiled",reason="stored",process="7"} 1',
        'xinqiao_operations_total{lane="executor",reason="refused_by_store",process="7"} 2',
    ]
