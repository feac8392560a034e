"""What subjects are now that a statement has joined with others 归并 (`store.joining`)."""

from __future__ import annotations

BECOME = (
    "SELECT coalesce(merged_into, subject_id) FROM subject WHERE subject_id = ANY ({ids}::uuid[])"
)
"""SQL: what these subjects are now: themselves, or what they have become part of."""
