"""Who decides with a key of this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from client.keys import SigningKey
from security.registry import Caller, RegisteredKey, Registry
from service.permission import decider

NOW = 1_780_000_000.0
KEY = SigningKey.generate("supervisor-1")
SUPERVISOR = Caller("supervisor", "监督", "SUPERVISOR")
KNOWN = RegisteredKey(KEY.key_id, SUPERVISOR, KEY.algorithm, KEY.public)


def decides(known: RegisteredKey, key: SigningKey = KEY, name: str = "supervisor") -> bool:
    return decider(Registry.of([known]), key, name, NOW) is not None


def test_a_file_under_somebodys_name_decides_nothing() -> None:
    assert decides(KNOWN)
    assert not decides(KNOWN, SigningKey.generate("supervisor-2"))
    assert not decides(KNOWN, SigningKey.generate("supervisor-1"))
    assert not decides(KNOWN, name="analyst")


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": NOW},
        {"compromised_at": NOW - 1},
        {"valid_to": NOW},
        {"valid_from": NOW + 1},
        {"caller": replace(SUPERVISOR, valid_to=NOW)},
        {"caller": replace(SUPERVISOR, valid_from=NOW + 1)},
    ],
)
def test_who_may_not_ask_may_not_decide(change: dict[str, Any]) -> None:
    assert not decides(replace(KNOWN, **change))
