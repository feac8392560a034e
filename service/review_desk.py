"""Decisions of the after-review, for the command line: taken by an identity of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from security.access_index import forget_index
from security.policy import Role
from security.review_queue import Review
from service.enrolment import EnrolmentError, current_origin
from service.permission import Desk, desk

_REVIEWERS = (Role.AUDITOR, Role.SUPERVISOR)


def _review(at: Desk, node: str) -> Review:
    return Review(at.connection, current_origin(at.home, "audit"), node, at.caller.id)


async def take_finding(root: Path, node: str, name: str, number: int) -> None:
    """Take a finding into review; raises as `Review.take`, and EnrolmentError ROLE_NOT_ALLOWED."""
    async with desk(root, node, name, *_REVIEWERS) as at:
        await _review(at, node).take(number)


async def close_finding(
    root: Path, node: str, name: str, number: int, *, violation: bool, reason: str
) -> None:
    """Close a finding; raises as `Review.close`, and EnrolmentError ROLE_NOT_ALLOWED."""
    async with desk(root, node, name, *_REVIEWERS) as at:
        await _review(at, node).close(number, violation=violation, reason=reason)


async def watch_subject(
    root: Path, node: str, name: str, code: str, *, reason: str, remove: bool
) -> None:
    """Put a subject on the list of the watched, or take it off.

    Raises EnrolmentError ROLE_NOT_ALLOWED, SUBJECT_UNKNOWN (also for one that is not on the list),
    and SecurityError REASON_REQUIRED.
    """
    async with desk(root, node, name, Role.SUPERVISOR) as at:
        subject = await at.subject(code)
        if not remove:
            await _review(at, node).watch(subject, reason)
        elif not await _review(at, node).unwatch(subject):
            raise EnrolmentError("SUBJECT_UNKNOWN", "the subject is not on the list")


async def watched_subjects(root: Path, node: str, name: str) -> list[dict[str, Any]]:
    """The watched subjects: an open code, why, by whom, since when."""
    async with desk(root, node, name, Role.SUPERVISOR) as at:
        rows = await at.connection.fetch(
            "SELECT v.subject_id, v.reason, v.added_by, v.added_at, s.category,"
            " (SELECT min(i.scheme || ':' || i.value) FROM identifier i"
            "   WHERE i.subject_id = v.subject_id AND i.is_open) AS code"
            " FROM vip_subject v JOIN subject s USING (subject_id) ORDER BY v.added_at"
        )
    return [
        {
            "subject": row["code"] or str(row["subject_id"]),
            "category": row["category"],
            "reason": row["reason"],
            "addedBy": row["added_by"],
            "addedAt": row["added_at"].isoformat(timespec="seconds"),
        }
        for row in rows
    ]


async def rebuild_index(root: Path, node: str, name: str) -> None:
    """Empty the index of the access log; the node makes it again from the bundles."""
    async with desk(root, node, name, *_REVIEWERS) as at:
        await forget_index(at.connection, current_origin(at.home, "access"))
