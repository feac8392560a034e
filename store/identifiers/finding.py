"""What was found about a code, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error"]
Kind = Literal["uscc", "org_code", "id_number", "reg_no"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or remark; `message` says what to do (Chinese first) and never quotes the input.

    `field` is the part of the code that is meant (`authority`, `class`, `division`, `orgCode`,
    `birthDate`, `check`), None for the whole.
    """

    code: str
    severity: Severity
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Identification:
    """What a string is, as one kind of code: valid when no finding is an error.

    `normalised` is the form to store and compare. `derived` is true when it was computed from a
    first-generation identity number, so that `input` has to be kept beside it.
    """

    input: str
    kind: Kind | None
    valid: bool
    normalised: str
    findings: tuple[Finding, ...]
    derived: bool = False

    def to_json(self) -> dict[str, object]:
        """The members `input, kind, valid, normalised, findings`, as `xinqiao identify` prints."""
        return {
            "input": self.input,
            "kind": self.kind,
            "valid": self.valid,
            "normalised": self.normalised,
            "findings": [
                {"code": finding.code, "severity": finding.severity, "message": finding.message}
                for finding in self.findings
            ],
        }


NORMALISED = Finding(
    "NORMALISED",
    "info",
    "已规范为半角、大写、无空格和连字符；无须处理。Read in its standard form; nothing to do.",
)


def conclude(
    text: str,
    kind: Kind | None,
    normalised: str,
    findings: list[Finding],
    *,
    derived_from: str | None = None,
) -> Identification:
    """The identification that follows from the findings; adds NORMALISED when the form changed.

    `derived_from` is the standard form that `normalised` was computed from, when it was.
    """
    if text != (derived_from or normalised):
        findings.insert(0, NORMALISED)
    valid = not findings or all(finding.severity != "error" for finding in findings)
    return Identification(
        text, kind, valid, normalised, tuple(findings), derived=derived_from is not None
    )
