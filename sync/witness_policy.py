"""What a node wants of witnesses, and how far its own logs are witnessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync.database import Reader


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """How many witnesses must cosign a head, and what happens when they are silent.

    `quorum` is the number; times are seconds: `interval` between two asks of one witness, `alarm`
    until the operator is called, `stop` until the node answers no more, 0 for never.
    """

    quorum: int = 1
    interval: float = 1.0
    alarm: float = 60.0
    stop: float = 0.0


class WitnessState(StrEnum):
    """How far a log is witnessed."""

    WITNESSED = "WITNESSED"  # the tail is younger than the alarm
    ALARM = "ALARM"  # it is older
    STOPPED = "STOPPED"  # it is so old that the node answers no more
    NONE = "NONE"  # the policy wants no witness
    CONTRADICTED = "CONTRADICTED"  # a witness has cosigned another or a longer history


GRAVE = frozenset({"WITNESS_AHEAD", "WITNESS_CONTRADICTS"})
"""What a witness answers to a log that was rolled back or that forked."""


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What a witness last said of a log; `code` is None when it is in order."""

    witness: str
    size: int | None
    cosigned_at: datetime | None
    code: str | None
    message: str | None
    failures: int


@dataclass(frozen=True, slots=True)
class LogStanding:
    """One own log: its size, the size under enough cosignatures, the rest's length and age.

    `age` is seconds since the oldest entry of the tail was sealed, 0 without a tail.
    """

    log: str
    size: int
    cosigned: int
    age: float
    state: WitnessState
    answers: tuple[WitnessAnswer, ...]

    @property
    def tail(self) -> int:
        """Number of entries that are not under enough cosignatures."""
        return max(0, self.size - self.cosigned)


def judge(policy: WitnessPolicy, age: float, codes: Collection[str | None] = ()) -> WitnessState:
    """Tell how a log stands by its tail's age in seconds and by what its witnesses answer."""
    if not GRAVE.isdisjoint(codes):
        return WitnessState.CONTRADICTED
    if policy.quorum == 0:
        return WitnessState.NONE
    if policy.stop and age > policy.stop:
        return WitnessState.STOPPED
    return WitnessState.ALARM if age > policy.alarm else WitnessState.WITNESSED


async def standings(
    connection: Reader, policy: WitnessPolicy, sizes: Mapping[str, int], *, witnesses: set[str]
) -> list[LogStanding]:
    """Tell how each own log stands; `sizes` are those of the signed heads by origin.

    `witnesses` are the verifier keys that the policy names now; others' answers are history.
    """
    rows = await connection.fetch(
        "SELECT log, size, extract(epoch FROM now() - since)::float8 AS age FROM cosigned_log"
    )
    cosigned = {row["log"]: row for row in rows}
    answers = await connection.fetch(
        "SELECT log, witness, size, cosigned_at, code, message, failures FROM witness_answer"
        " ORDER BY witness"
    )
    found = []
    for log, size in sizes.items():
        row = cosigned.get(log)
        age = (row["age"] or 0.0) if row is not None else 0.0
        told = tuple(
            WitnessAnswer(*list(one)[1:])
            for one in answers
            if one["log"] == log and one["witness"] in witnesses
        )
        state = judge(policy, age, {one.code for one in told})
        found.append(LogStanding(log, size, row["size"] if row else 0, age, state, told))
    return found


async def is_stopped(connection: Reader, policy: WitnessPolicy, logs: list[str]) -> bool:
    """Tell whether the policy forbids to answer: the tail of one of these logs is too old."""
    if not policy.stop or not policy.quorum:
        return False
    rows = await connection.fetch(
        "SELECT true FROM cosigned_log WHERE log = ANY ($1) AND since < now() - $2 * interval '1 s'"
        " LIMIT 1",
        logs,
        policy.stop,
    )
    return bool(rows)
