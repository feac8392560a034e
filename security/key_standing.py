"""Whether a signature counts as evidence: the life of its key against the times that prove it.

A signer may write any time into a signature, and whoever stole a key writes one of before the
theft. So once a key is compromised only the time counts at which others had the signature before
them: that of a witness's cosignature over the log, or, without witnesses, of the log's own seal.
"""

from dataclasses import dataclass
from enum import StrEnum

from security.registry import FOREVER, RegisteredKey

MAX_SKEW = 5.0
"""Seconds that the signer's clock may be ahead of the log's."""


class StandingReason(StrEnum):
    """Why a signature counts or does not."""

    GOOD = "GOOD"
    BEFORE_COMPROMISE = "BEFORE_COMPROMISE"
    KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_REVOKED = "KEY_REVOKED"
    TIME_IMPOSSIBLE = "TIME_IMPOSSIBLE"
    COMPROMISED = "COMPROMISED"
    UNPROVEN = "UNPROVEN"
    UNWITNESSED = "UNWITNESSED"


_MESSAGES = {
    StandingReason.GOOD: "The key was good when it signed and is not known to be compromised.",
    StandingReason.BEFORE_COMPROMISE: (
        "The key was compromised later: the signature stood in the log before that time."
    ),
    StandingReason.KEY_NOT_YET_VALID: "The key's validity had not begun when it signed.",
    StandingReason.KEY_EXPIRED: "The key's validity was over when it signed.",
    StandingReason.KEY_REVOKED: "The key was revoked when it signed.",
    StandingReason.TIME_IMPOSSIBLE: "The signature says it was made after the log had sealed it.",
    StandingReason.COMPROMISED: (
        "The key was compromised before anybody but its holder can have seen the signature."
    ),
    StandingReason.UNPROVEN: "The key is compromised and nothing proves when it signed.",
    StandingReason.UNWITNESSED: (
        "The key is compromised and no witness cosigned a head with the signature's entry."
    ),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a signature counts as evidence, and why; `proven_at` is the time that proves it."""

    counts: bool
    reason: StandingReason
    proven_at: float | None = None

    @property
    def message(self) -> str:
        """The reason in a sentence, for people."""
        return _MESSAGES[self.reason]


def standing_of(
    key: RegisteredKey,
    signed_at: float,
    sealed_at: float | None = None,
    cosigned_at: float | None = None,
    *,
    witnesses: bool = False,
) -> Standing:
    """Judge a signature that verifies, by what is known of its key today.

    All times are Unix seconds: `signed_at` as the signature says (`created`), `sealed_at` of the
    first checkpoint over its entry, `cosigned_at` of the earliest cosignature over such a
    checkpoint; None where there is none. With `witnesses` the log had witnesses then, so its own
    seal proves no time.
    """
    seen = [at for at in (sealed_at, cosigned_at) if at is not None]
    if seen and signed_at > min(seen) + MAX_SKEW:
        return Standing(False, StandingReason.TIME_IMPOSSIBLE)
    if signed_at < max(key.valid_from, key.caller.valid_from):
        return Standing(False, StandingReason.KEY_NOT_YET_VALID)
    if signed_at >= min(key.valid_to, key.caller.valid_to):
        return Standing(False, StandingReason.KEY_EXPIRED)
    if key.compromised_at == FOREVER:
        if signed_at >= key.revoked_at:
            return Standing(False, StandingReason.KEY_REVOKED)
        return Standing(True, StandingReason.GOOD, cosigned_at or sealed_at)
    proof = cosigned_at if witnesses or cosigned_at is not None else sealed_at
    if proof is None:
        reason = StandingReason.UNWITNESSED if witnesses else StandingReason.UNPROVEN
        return Standing(False, reason)
    if proof >= key.compromised_at:
        return Standing(False, StandingReason.COMPROMISED, proof)
    if signed_at >= key.revoked_at:
        return Standing(False, StandingReason.KEY_REVOKED, proof)
    return Standing(True, StandingReason.BEFORE_COMPROMISE, proof)
