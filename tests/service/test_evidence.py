"""An auditor shows a question again years later, a court checks it elsewhere, two persons erase."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.service.cities import XINQIAO, Cities


def test_evidence_is_shown_packaged_checked_elsewhere_and_erased(
    cities: Cities, tmp_path: Path
) -> None:
    firm = "91210503XDXBLPC747"
    kept = tmp_path / "answer.http"
    question = tmp_path / "question.graphql"
    question.write_text(
        "query F($code: String!) { organisation(code: $code) {"
        " name holders { edges { holder { name } } } } }"
    )
    status, found = cities.xinqiao(
        "query", str(question), "--as", "shenyang", "--purpose", "P1", "--case", "沈审〔2026〕12号",
        "--variables", json.dumps({"code": firm}), "--keep", str(kept),
    )  # fmt: skip
    assert (status, found["verified"]) == (0, True)
    leaf = found["receipt"]["leaf"]

    status, shown = cities.xinqiao("audit", "evidence", leaf, "--case", "辽审〔2026〕3号")
    assert (status, shown["verified"], shown["evidence"]) == (0, True, "KEPT"), shown
    assert shown["document"] == question.read_text("utf-8")
    assert shown["variables"] == {"code": firm}
    assert shown["subjects"][0]["uscc"] == firm
    assert {check["name"]: check["holds"] for check in shown["checks"]}["signature"] is True
    # The opening stands in the audit log, signed by who opened, and can be opened itself.
    status, opening = cities.xinqiao("audit", "evidence", shown["recordedAs"], "--log", "audit")
    assert status == 0, opening
    assert [opening["entry"][k] for k in ("kind", "caller", "case", "correlation")] == [
        "UNMASK", "auditor", "辽审〔2026〕3号", leaf
    ]  # fmt: skip
    assert f"/audit/evidence/{leaf}" in opening["signatureBase"]
    status, refused = cities.xinqiao("audit", "evidence", leaf, "--as", "analyst")
    assert status == 2
    assert "ROLE_NOT_ALLOWED" in refused

    package = tmp_path / "package.zip"
    status, made = cities.xinqiao("audit", "package", leaf, str(package), "--answer", str(kept))
    assert status == 0, made
    assert {check["name"]: check["holds"] for check in made["checks"]}["answer"] is True
    away = _explain(package, tmp_path / "elsewhere")
    assert (away["outcome"], len(away["checks"])) == ("UNVOUCHED", len(made["checks"]))
    status, here = cities.xinqiao("audit", "explain", str(package))
    assert (status, here["outcome"]) == (0, "HOLDS")
    other = tmp_path / "other.http"
    other.write_bytes(kept.read_bytes().replace("本溪".encode(), "沈阳".encode()))
    status, made = cities.xinqiao(
        "audit", "package", leaf, str(tmp_path / "x.zip"), "--answer", str(other)
    )
    assert status == 1
    assert {check["name"]: check["holds"] for check in made["checks"]}["digests"] is False

    status, asked = cities.xinqiao("audit", "erase", leaf, "--reason", "法院决定")
    assert (status, asked["erased"]) == (3, False)  # the answer named several subjects
    decision = asked["decision"]
    status, refused = cities.xinqiao("audit", "confirm", decision, "--as", "steward")
    assert (status, "DECISION_OWN" in refused) == (2, True)
    status, done = cities.xinqiao("audit", "confirm", decision, "--as", "supervisor")
    assert (status, done["evidence"]) == (0, "ERASED")
    status, shown = cities.xinqiao("audit", "evidence", leaf)
    assert (status, shown["evidence"], shown["recordedAs"]) == (0, "ERASED", None)
    assert "document" not in shown
    folder = tmp_path / "export"
    assert cities.xinqiao("audit", "export", str(folder))[0] == 0
    status, verdict = cities.xinqiao("audit", "verify", str(folder))
    assert (status, verdict["status"]) == (0, "OK")


def _explain(package: Path, home: Path) -> dict[str, Any]:
    """What `audit explain` says on a machine that knows nobody."""
    done = subprocess.run(
        [XINQIAO, "audit", "explain", str(package), "--json"],
        env={**os.environ, "XINQIAO_HOME": str(home)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert not home.exists()  # explaining makes nothing
    return dict(json.loads(done.stdout))
