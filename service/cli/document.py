"""A question as commands are given it: a file with the document, the variables as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from service.cli.output import fail

DOCUMENT_HELP = "File with the GraphQL document; - reads it."


def document_text(name: str) -> str:
    """The document in a file, or on standard input; ends with DOCUMENT_UNREADABLE."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail("DOCUMENT_UNREADABLE", f"{name} cannot be read: {error}")


def variables_given(text: str) -> dict[str, Any]:
    """The variables in a JSON object; ends with VARIABLES_INVALID."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        fail("VARIABLES_INVALID", f"--variables is not JSON: {error}")
    if not isinstance(values, dict):
        fail("VARIABLES_INVALID", "--variables must be a JSON object")
    return values
