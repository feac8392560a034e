"""How many files a process of a node may have open, and how many of them connections may be."""

from __future__ import annotations

import resource

from service.home import HomeError

LEAST = 512
"""Open files without which a node does not start."""
MOST = 8192
"""Open files beyond which it asks for none: a connection takes memory as well."""
_OWN = 256
"""Kept for itself: the log's files, its databases, its partners."""


def open_more() -> int:
    """Raise the soft limit of open files as far as the hard one allows, for this process and those
    that it starts; the limit then.

    A shell's 1,024 are used up by as many people who connect and say nothing, and then the node
    can write no log. Raises HomeError `FILES_TOO_FEW`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if wanted < LEAST:
        raise HomeError(
            "FILES_TOO_FEW",
            f"this process may open {hard} files at most: allow it 8,192 (`ulimit -n`,"
            " LimitNOFILE)",
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def most_connections() -> int:
    """Connections that this process takes at once, so that files are left for all else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST if soft == resource.RLIM_INFINITY else soft
    return max(files // 2, files - _OWN)
