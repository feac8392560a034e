"""A claim: who asked on what grounds, kept so that it can be judged again later.

Jobs and subscriptions outlive the signature that asked for them. What they disclose is judged at
the time of disclosure, from this and from what keys, agreements and cases are worth then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from client.value import value_class
from security.registry import PUBLIC, Registry
from security.signature import VerifiedRequest


@value_class
class Claim:
    """The signed fields of a question on which its answer rests; without `key_id` the public's."""

    caller: str
    key_id: str | None = None
    purpose: str | None = None
    case: str = ""
    actor: str | None = None
    correlation: str | None = None
    authorization: str | None = None

    @classmethod
    def of(cls, verified: VerifiedRequest) -> Claim:
        """Keep what a verified question claims."""
        return cls(
            verified.caller.id,
            verified.key_id,
            verified.purpose,
            verified.case,
            verified.actor,
            verified.correlation,
            verified.authorization,
        )

    def judged(self, registry: Registry, at: float) -> VerifiedRequest:
        """The claim as a question of this moment, `at` in Unix seconds.

        Raises SignatureError `KEY_UNKNOWN`, `KEY_REVOKED`, `KEY_NOT_YET_VALID`, `KEY_EXPIRED`.
        """
        caller = PUBLIC
        if self.key_id is not None:
            caller = registry.usable(self.key_id, at).caller
        return VerifiedRequest(
            caller,
            self.key_id,
            self.purpose,
            self.case,
            self.actor,
            self.correlation,
            self.authorization,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Claim:
        return cls(**value)
