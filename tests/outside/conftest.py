"""The Go programs of the session."""

from __future__ import annotations

import pytest

from tests.outside.go import GoTools


@pytest.fixture(scope="session")
def go_tools() -> GoTools:
    """Programs of others, built when a test first asks for one."""
    return GoTools.here()
