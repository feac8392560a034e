"""Which signatures count as evidence after a key was rotated, revoked or stolen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.algorithm import Algorithm
from security.key_standing import MAX_SKEW, StandingReason, standing_of
from security.registry import FOREVER, Caller, RegisteredKey

CALLER = Caller("shenyang", "沈阳", "PCITY")
KEY = RegisteredKey("shenyang-1", CALLER, Algorithm.ED25519, b"", 1000, 9000)
STOLEN = replace(KEY, compromised_at=5000, revoked_at=6000)


@pytest.mark.parametrize(
    ("key", "signed", "sealed", "cosigned", "witnesses", "reason"),
    [
        (KEY, 2000, 2001, None, False, "GOOD"),
        (KEY, 2000, None, None, True, "GOOD"),
        (KEY, 999, 1001, None, False, "KEY_NOT_YET_VALID"),
        (KEY, 9000, 9001, None, False, "KEY_EXPIRED"),
        (replace(KEY, revoked_at=3000), 3000, 3001, None, False, "KEY_REVOKED"),
        (replace(KEY, revoked_at=3000), 2999, 3001, None, False, "GOOD"),
        (KEY, 2000, 1000, None, False, "TIME_IMPOSSIBLE"),
        (STOLEN, 4000, 4001, None, False, "BEFORE_COMPROMISE"),
        (STOLEN, 4000, 4001, 4003, True, "BEFORE_COMPROMISE"),
        # Sealed before, but with witnesses only their time proves anything.
        (STOLEN, 4000, 4001, 5001, True, "COMPROMISED"),
        (STOLEN, 4000, 4001, None, True, "UNWITNESSED"),
        # The thief dates a signature back: the log saw it too late.
        (STOLEN, 4000, 5400, None, False, "COMPROMISED"),
        (STOLEN, 4000, None, None, False, "UNPROVEN"),
        (STOLEN, 4999, 5000, None, False, "COMPROMISED"),
    ],
)
def test_a_signature_counts_by_the_time_that_others_prove(
    key: RegisteredKey,
    signed: float,
    sealed: float | None,
    cosigned: float | None,
    witnesses: bool,
    reason: str,
) -> None:
    found = standing_of(key, signed, sealed, cosigned, witnesses=witnesses)
    assert found.reason == reason
    assert found.counts == (reason in ("GOOD", "BEFORE_COMPROMISE"))
    assert found.message.endswith(".")


_TIMES = st.integers(0, 12_000).map(float)


@given(_TIMES, st.none() | _TIMES, st.none() | _TIMES, _TIMES, st.booleans())
def test_nothing_first_seen_after_the_compromise_counts_whatever_it_says_of_itself(
    signed: float, sealed: float | None, cosigned: float | None, stolen: float, witnesses: bool
) -> None:
    key = replace(KEY, compromised_at=stolen)
    found = standing_of(key, signed, sealed, cosigned, witnesses=witnesses)
    seen = [at for at in (sealed, cosigned) if at is not None]
    if found.counts:
        assert seen
        assert min(seen) < stolen
        assert signed <= min(seen) + MAX_SKEW
        assert not witnesses or (cosigned is not None and cosigned < stolen)
    # Learning of a compromise never makes a signature count that did not before.
    assert (
        not found.counts
        or standing_of(
            replace(key, compromised_at=FOREVER), signed, sealed, cosigned, witnesses=witnesses
        ).counts
    )
    assert found.reason is not StandingReason.GOOD
