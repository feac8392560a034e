"""The logs of the running cities as an auditor checks them: with others' tools and with ours."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from client.question import sign_request
from service.enrolment import identity_key, node_keys
from tests.outside.go import GoTools
from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(700)  # a first build downloads and compiles Go modules

LOG = "/log/access"


def vkey(cities: Cities, log: str = "access") -> str:
    return node_keys(cities.root, "benxi").logs[f"xinqiao.benxi/{log}"].text


def get(
    cities: Cities, path: str, identity: str | None = None, purpose: str = "P14", **headers: str
) -> httpx.Response:
    import time

    url = cities.url("benxi") + path
    sent = dict(headers)
    if identity is not None:
        key = identity_key(cities.root, identity)
        sent |= dict(sign_request(key, "GET", url, now=time.time(), purpose=purpose).headers)
    return httpx.get(url, headers=sent, trust_env=False)


def test_outside_verifiers_accept_the_live_logs(cities: Cities, tmp_path: Path) -> None:
    tools = GoTools.here()
    key = cities.root / "identities" / "auditor.pem"
    key_id = identity_key(cities.root, "auditor").key_id
    url = cities.url("benxi")
    found = tools.verified("-vkey", vkey(cities), "-key", key, "-keyid", key_id, f"{url}{LOG}")
    assert found["entries"] == found["size"] > 0
    public = tools.verified("-vkey", vkey(cities), "-entries=false", f"{url}{LOG}")
    assert (public["entries"], public["tiles"]) == (0, found["tiles"])
    assert tools.asked("-vkey", vkey(cities), f"{url}{LOG}").returncode == 1
    feed = vkey(cities, "feed")
    assert tools.verified("-vkey", feed, f"{url}/log/feed")["entries"] > 0
    assert tools.fsck(f"{url}/log/feed/", feed, tmp_path)


def test_outside_verifiers_accept_an_export_and_a_proof(cities: Cities, tmp_path: Path) -> None:
    tools = GoTools.here()
    status, exported = cities.xinqiao("audit", "export", str(tmp_path / "export"))
    assert status == 0
    found = tools.verified("-vkey", vkey(cities), tmp_path / "export")
    assert found["entries"] == exported["size"]
    assert tools.fsck(f"file://{tmp_path}/export", vkey(cities), tmp_path)
    out = tmp_path / "entry.tlog-proof"
    status, shown = cities.xinqiao("audit", "prove", "3", "--entry", "--out", str(out))
    assert (status, shown["index"], out.read_text()) == (0, 3, shown["proof"])
    tools.verified("-vkey", vkey(cities), "-proof", out, "-leaf", shown["leaf"])
    status, again = cities.xinqiao(
        "audit", "prove", shown["leaf"], "--from", str(tmp_path / "export")
    )
    assert (status, again["index"]) == (0, 3)
    status, text = cities.xinqiao_text("audit", "receipt", shown["leaf"])
    out.write_text(text)
    tools.verified("-vkey", vkey(cities), "-proof", out, "-leaf", shown["leaf"])


def test_bundles_are_an_auditors_and_nobody_elses(cities: Cities) -> None:
    path = f"{LOG}/tile/entries/000"
    bundle = get(cities, path, "auditor")
    if bundle.status_code == 404:  # fewer than 256 entries so far
        size = int(get(cities, f"{LOG}/checkpoint").text.split("\n")[1])
        path = f"{path}.p/{size % 256}"
        bundle = get(cities, path, "auditor")
    assert bundle.status_code == 200
    assert bundle.headers["content-type"] == "application/octet-stream"
    assert bundle.headers["cache-control"] == "no-store"
    assert {"credit-receipt", "signature", "content-digest"} <= set(bundle.headers)
    assert 'log="xinqiao.benxi/audit"' in bundle.headers["credit-receipt"]
    assert b'"kind":' in bundle.content
    nothing = {
        "errors": [{"message": "there is nothing here", "extensions": {"code": "NOT_FOUND"}}]
    }
    for answer in (
        get(cities, path),
        get(cities, path, "analyst", "P12"),
        get(cities, path, "shenyang", "P1"),
        get(cities, f"{LOG}/tile/entries/999", "auditor"),
        get(cities, "/log/audit/tile/entries/000", "auditor"),
        get(cities, f"{LOG}/tile/9/000"),
        get(cities, f"{LOG}/tile/0/999"),
        get(cities, f"{LOG}/tile/0/000.p/256"),
        get(cities, f"{LOG}/tile/0/%2e%2e/0/000"),
        get(cities, "/log/other/checkpoint"),
    ):
        assert (answer.status_code, answer.json()) == (404, nothing), answer.url
    assert get(cities, path, "auditor", "P1").status_code == 403


def test_tiles_and_checkpoint_are_served_as_tlog_tiles_says(cities: Cities) -> None:
    checkpoint = get(cities, f"{LOG}/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "no-cache"
    size = int(checkpoint.text.split("\n")[1])
    path = f"{LOG}/tile/0/000" if size >= 256 else f"{LOG}/tile/0/000.p/{size}"
    tile = get(cities, path)
    assert tile.headers["content-type"] == "application/octet-stream"
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in tile.headers
    again = get(cities, path, **{"if-none-match": f'"x", {tile.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(cities.url("benxi") + path, trust_env=False)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(tile.content))
    assert httpx.post(cities.url("benxi") + path, trust_env=False).status_code == 405
    feed = get(cities, "/log/feed/checkpoint")
    count = int(feed.text.split("\n")[1])
    path = "/log/feed/tile/entries/000" + ("" if count >= 256 else f".p/{count}")
    assert get(cities, path, **{"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    plain = get(cities, path, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_our_own_verification_of_live_logs_agrees(cities: Cities, tmp_path: Path) -> None:
    url = cities.url("benxi") + LOG
    status, found = cities.xinqiao("audit", "verify", url, "--as", "auditor")
    assert status == 0, found
    assert (status, found["status"], found["entriesRead"]) == (0, "OK", True)
    status, found = cities.xinqiao("audit", "verify", url)
    assert (status, found["status"], found["entriesRead"]) == (0, "OK", False)
    status, found = cities.xinqiao("audit", "verify", url, "--as", "analyst")
    assert (status, found.split(":")[0]) == (2, "PURPOSE_NOT_ALLOWED")
    for log in ("access", "feed"):
        status, found = cities.xinqiao("audit", "verify", "--live", "--log", log)
        assert isinstance(found, dict), found
        assert (status, found["status"], found["findings"]) == (0, "OK", []), log
        if log == "access":
            assert found["rows"]["evidence"] > 0
    status, found = cities.xinqiao("audit", "export", str(tmp_path / "opened"), "--evidence")
    assert status == 0, found
    status, found = cities.xinqiao("audit", "verify", str(tmp_path / "opened"))
    assert (status, found["status"]) == (0, "OK")
    path = next((tmp_path / "opened/evidence").iterdir())
    line = json.loads(path.read_bytes().split(b"\n")[0])
    path.write_bytes(path.read_bytes().replace(line["key"].encode(), b"0" * 64))
    status, found = cities.xinqiao("audit", "verify", str(tmp_path / "opened"))
    assert (status, found["firstBadIndex"]) == (1, line["index"])
