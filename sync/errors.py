"""What the room between cities refuses, each with a stable code."""

from __future__ import annotations


class SyncError(Exception):
    """Base of the room's errors.

    `code` is stable, `message` says what to do next and names nobody's data.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class AgreementError(SyncError):
    """An agreement is malformed, unsigned, changed afterwards, or not in force."""


class MappingError(SyncError):
    """A grade mapping is malformed, unsigned, has gaps or is not monotone."""


class FeedError(SyncError):
    """This node's own feed cannot be continued or shown."""


class MirrorError(SyncError):
    """A partner's feed does not verify; nothing of it was applied.

    `evidence` holds what the partner signed, where a signature proves the fault.
    """

    def __init__(self, code: str, message: str, evidence: bytes = b"") -> None:
        super().__init__(code, message)
        self.evidence = evidence


class PartnerUnavailableError(SyncError):
    """The partner could not be reached or did not answer in time; nothing is lost."""

    def __init__(self, message: str) -> None:
        super().__init__("PARTNER_UNAVAILABLE", message)
