"""Keys of a running node: enrolled by a code, rotated, revoked, kept in a token."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.algorithm import Algorithm
from client.enrolment import enrolment_body
from client.keys import SigningKey
from client.note import Note
from client.question import unsigned_question
from security.keys import key_id
from security.tlog.verify import verify_export
from service.enrolled import Particulars, enrol_new, enrolled_keys
from service.enrolment import identity_key, known_log_keys, node_keys
from service.key_life import invite_device, revoke
from service.proof import export_log_of
from tests.security.token import SOFTHSM, Token, new_token
from tests.service.browser import PROGRAM, Browser
from tests.service.cities import XINQIAO, LoneNode

pytestmark = pytest.mark.timeout(300)

# What a page of the node's own origin does: a key that never leaves the browser.
ENROL = """(async (code) => {
  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const hash = (bytes) => crypto.subtle.digest("SHA-256", bytes);
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0"));
  const p256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = await crypto.subtle.generateKey(p256, false, ["sign"]);
  const algorithm = "ecdsa-p256-sha256";
  const point = await crypto.subtle.exportKey("raw", pair.publicKey);
  const digest = hex(await hash(point)).join("");
  const lines = ["xinqiao enrolment v1", location.origin, code, algorithm, digest, ""];
  const proof = base64(await crypto.subtle.sign(p256, pair.privateKey, utf8(lines.join("\\n"))));
  const publicKey = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const enrolled = await fetch("/enrol", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code, algorithm, publicKey, proof }),
  });
  const told = await enrolled.json();
  if (!enrolled.ok) return told;
  const body = utf8(JSON.stringify({ query: "{ regions(first: 2) { nodes { name } } }" }));
  const created = Math.floor(Date.now() / 1000);
  const nonce = base64(crypto.getRandomValues(new Uint8Array(18)));
  const covered = ["@method", "@target-uri", "content-type", "content-digest", "credit-purpose",
    "credit-case"];
  const fields = {
    "content-type": "application/json",
    "content-digest": `sha-256=:${base64(await hash(body))}:`,
    "credit-purpose": "P12",
    "credit-case": '%""',
  };
  const input = `(${covered.map((name) => `"${name}"`).join(" ")});created=${created};` +
    `expires=${created + 60};nonce="${nonce}";keyid="${told.keyId}";tag="credit-query-v1"`;
  const values = { "@method": "POST", "@target-uri": `${location.origin}/graphql`, ...fields };
  const base = [...covered.map((name) => `"${name}": ${values[name]}`),
    `"@signature-params": ${input}`].join("\\n");
  const signature = base64(await crypto.subtle.sign(p256, pair.privateKey, utf8(base)));
  const answer = await fetch("/graphql", { method: "POST", body, headers: { ...fields,
    "signature-input": `credit=${input}`, signature: `credit=:${signature}:` } });
  let leaves = true;
  try { await crypto.subtle.exportKey("pkcs8", pair.privateKey); } catch { leaves = false; }
  return { ...told, status: answer.status, answer: await answer.json(), leaves,
    receipt: answer.headers.get("credit-receipt") };
})"""


def _invite(node: LoneNode, name: str, device: str) -> str:
    return asyncio.run(invite_device(node.root, "benxi", name, device, 15, 365))


def _enrol(node: LoneNode, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{node.url('benxi')}/enrol",
        content=body,
        headers={"content-type": "application/json", **headers},
        trust_env=False,
    )


def _keys(node: LoneNode, caller: str) -> dict[str, Any]:
    rows = asyncio.run(enrolled_keys(node.root, "benxi"))
    return {row["keyId"]: row for row in rows if row["caller"] == caller}


@pytest.fixture
def clerk(lone_node: LoneNode) -> str:
    asyncio.run(enrol_new(lone_node.root, "benxi", "clerk", "ANALYST", Particulars()))
    return "clerk"


@pytest.mark.skipif(
    PROGRAM is None and "XINQIAO_CI" not in os.environ, reason="chromium is not installed"
)
def test_a_browser_enrols_its_own_key_and_asks_with_it(
    lone_node: LoneNode, clerk: str, tmp_path: Path
) -> None:
    code = _invite(lone_node, clerk, "办公室电脑")
    with Browser(tmp_path) as browser:
        browser.command("Page.navigate", url=f"{lone_node.url('benxi')}/ready")
        browser.wait_for("document.readyState === 'complete' && location.port !== ''")
        done = browser.command(
            "Runtime.evaluate",
            expression=f"{ENROL}({json.dumps(code)})",
            awaitPromise=True,
            returnByValue=True,
        )
        found = done["result"]["value"]
        assert found["status"] == 200, found
        assert found["answer"]["data"]["regions"]["nodes"]
        assert "errors" not in found["answer"]
        assert found["receipt"].startswith("leaf=:")
        assert not found["leaves"]  # the private key cannot be taken out
    row = _keys(lone_node, clerk)[found["keyId"]]
    assert (row["device"], row["algorithm"]) == ("办公室电脑", "ecdsa-p256-sha256")
    assert row["state"] == "valid"
    row = asyncio.run(revoke(lone_node.root, "benxi", found["keyId"]))
    assert row["state"] == "revoked"
    assert row["endedBy"].startswith("operator ")


def test_enrolment_is_answered_signed_and_keeps_other_origins_out(
    lone_node: LoneNode, clerk: str
) -> None:
    url, code = lone_node.url("benxi"), _invite(lone_node, clerk, "tablet")
    key = SigningKey.generate("")
    body = enrolment_body(url, code, key)

    def refused(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]

    foreign = _enrol(lone_node, body, origin="https://elsewhere.example")
    assert refused(foreign) == (403, "ENROLMENT_ORIGIN")
    assert "access-control-allow-origin" not in foreign.headers
    assert httpx.options(f"{url}/enrol", trust_env=False).status_code == 405
    form = {"content-type": "text/plain"}
    assert refused(_enrol(lone_node, body, **form)) == (400, "ENROLMENT_FORM")
    assert refused(_enrol(lone_node, b"{}")) == (400, "ENROLMENT_FORM")
    other = enrolment_body(url, "0000-0000-0000", key)
    assert refused(_enrol(lone_node, other)) == (403, "INVITATION_INVALID")
    stolen = json.dumps({**json.loads(body), "proof": "A" * 86 + "=="}).encode()
    assert refused(_enrol(lone_node, stolen)) == (400, "INVITATION_PROOF")
    good = _enrol(lone_node, body, origin=url)
    assert good.status_code == 200, good.text
    # Signed by the node, bound to what was sent, with a receipt that the log honours.
    question = unsigned_question("POST", f"{url}/enrol", body)
    headers = dict(question.headers)
    again = httpx.post(f"{url}/enrol", content=body, headers=headers, trust_env=False)
    assert refused(again) == (403, "INVITATION_INVALID")
    with lone_node.client() as client:
        verified = client.verify(question, again)
        client.check_receipt(verified.receipt)
    told = good.json()
    assert told["keyId"] == key_id("clerk", key.public)
    enrolled = SigningKey(told["keyId"], key.private)
    with lone_node.client() as client:
        client._exchange.key = enrolled
        assert client.query("{ regions(first: 1) { nodes { name } } }", purpose="P12").status == 200


def test_a_callers_key_is_rotated_with_overlap_and_its_compromise_is_judged(
    lone_node: LoneNode,
) -> None:
    document = "{ regions(first: 1) { nodes { name } } }"
    name, kind = "turner", Algorithm.SM2_SM3
    asyncio.run(enrol_new(lone_node.root, "benxi", name, "ANALYST", Particulars(), kind))
    old = identity_key(lone_node.root, name)
    assert old.algorithm is kind
    status, told = lone_node.xinqiao("key", "rotate", name, "--overlap-days", "1")
    assert (status, told["old"]) == (0, old.key_id), told
    new = identity_key(lone_node.root, name)
    assert (new.key_id, new.algorithm) == (told["new"], old.algorithm)
    for key in (old, new):
        with lone_node.client() as client:
            client._exchange.key = key
            lone_node.wait_for(lambda: client.query(document, purpose="P12").status == 200, 30)
    rows = _keys(lone_node, name)
    assert rows[old.key_id]["successor"] == new.key_id
    assert rows[old.key_id]["validTo"][:19] == told["oldGoodUntil"][:19]
    status, row = lone_node.xinqiao(
        "key", "revoke", old.key_id, "--compromised-from", "2026-01-01T00:00:00Z"
    )
    assert (status, row["state"]) == (0, "compromised")
    with lone_node.client() as client:
        client._exchange.key = old
        lone_node.wait_for(lambda: client.query(document, purpose="P12").status == 401, 30)
        answer = client.query(document, purpose="P12").require()
        assert answer.errors[0]["extensions"]["code"] == "KEY_REVOKED"
    at = row["revokedAt"]
    status, found = lone_node.xinqiao(
        "key", "judge", old.key_id, "--signed", at, "--sealed", at, "--witnesses"
    )
    assert (status, found["reason"], found["provenAt"]) == (1, "UNWITNESSED", None)
    found = lone_node.xinqiao("key", "judge", old.key_id, "--signed", at, "--sealed", at)[1]
    assert (found["reason"], found["provenAt"][:19]) == ("COMPROMISED", at[:19])
    words = [XINQIAO, "key", "rotate", name]
    turning = [subprocess.Popen(words, env=lone_node.environment) for _ in range(3)]
    assert [one.wait(60) for one in turning] == [0, 0, 0]  # one after the other
    last = _keys(lone_node, name)[identity_key(lone_node.root, name).key_id]
    assert (last["state"], last.get("successor")) == ("valid", None)


@pytest.fixture
def token(lone_node: LoneNode) -> Token:
    """A token of the lone node, which is started again so that it finds it."""
    made = new_token(lone_node.root / "benxi" / "token")
    lone_node.environment["SOFTHSM2_CONF"] = str(made.configuration)
    lone_node.restart()
    return made


def _answered_with(node: LoneNode, known: Any) -> str:
    """The id of the key that signs an answer now, for a client that knows these keys."""
    url = f"{node.url('benxi')}/graphql"
    question = unsigned_question("POST", url, b'{"query": "{ __typename }"}')
    response = httpx.post(
        url, headers=dict(question.headers), content=question.body, trust_env=False
    )
    with node.client() as client:
        client._node_keys = known
        return client.verify(question, response).key_id


@pytest.mark.skipif(
    SOFTHSM is None and "XINQIAO_CI" not in os.environ, reason="softhsm2 is not installed"
)
def test_a_running_node_takes_its_answer_key_from_a_token_and_clients_follow(
    lone_node: LoneNode, token: Token
) -> None:
    known = node_keys(lone_node.root, "benxi")
    first = _answered_with(lone_node, known)
    # In a process of its own: this one's SoftHSM may have been opened on another test's tokens.
    make = (
        "import sys; from client.algorithm import Algorithm;"
        "from security.pkcs11 import TokenUri, make_token_key;"
        "make_token_key(TokenUri.parse(sys.argv[1]), Algorithm.ECDSA_P256_SHA256)"
    )
    subprocess.run(
        [sys.executable, "-c", make, token.uri("answer")], env=lone_node.environment, check=True
    )
    settings = lone_node.root / "benxi" / "settings.toml"
    before = settings.read_text(encoding="utf-8")
    settings.write_text(f'{before}answer_key = "{token.uri("answer")}"\n', encoding="utf-8")
    try:
        status, told = lone_node.xinqiao("key", "rotate", "--of", "answer", "--node", "benxi")
        assert status == 0, told
        assert told["old"] == first
        # The running node takes it, and a client that knows only the old key follows.
        lone_node.wait_for(lambda: _answered_with(lone_node, known) == told["new"], 30)
        papers = node_keys(lone_node.root, "benxi")
        assert papers.answers[told["new"]].algorithm is Algorithm.ECDSA_P256_SHA256
        assert set(papers.answers) == {first, told["new"]}
        # So does it after a restart, from the token alone.
        lone_node.restart()
        assert _answered_with(lone_node, papers) == told["new"]
    finally:
        rotate = ("key", "rotate", "--of", "answer", "--file", "--node", "benxi")
        status, back = lone_node.xinqiao(*rotate)
        settings.write_text(before, encoding="utf-8")
    assert status == 0, back
    assert back["old"] == told["new"]
    lone_node.wait_for(lambda: _answered_with(lone_node, known) == back["new"], 30)


def test_a_running_node_signs_its_feed_with_the_new_key_beside_the_old(
    lone_node: LoneNode,
) -> None:
    status, told = lone_node.xinqiao("key", "rotate", "--of", "feed")
    assert status == 0, told
    keys = [told[name].rpartition("+")[2] for name in ("new", "old")]

    def signed_by() -> list[str]:
        note = httpx.get(f"{lone_node.url('benxi')}/log/feed/checkpoint", trust_env=False).text
        lines = Note.parse(note.encode()).signatures
        return [one.id.hex() for one in lines if one.name == "xinqiao.benxi/feed"]

    lone_node.wait_for(lambda: signed_by() == keys, 30)


def test_a_running_log_changes_its_key_and_old_and_new_readers_go_on(lone_node: LoneNode) -> None:
    known = node_keys(lone_node.root, "benxi")
    status, told = lone_node.xinqiao("key", "rotate", "--of", "access", "--overlap-days", "0.00003")
    assert status == 0, told
    assert told["old"].startswith("xinqiao.benxi/access+")

    def signed_by_new() -> bool:
        note = httpx.get(f"{lone_node.url('benxi')}/log/access/checkpoint", trust_env=False).text
        number = told["new"].rpartition("+")[2]
        return number in [one.id.hex() for one in Note.parse(note.encode()).signatures]

    lone_node.wait_for(signed_by_new, 30)
    until = datetime.fromisoformat(told["oldGoodUntil"]).timestamp()
    time.sleep(max(0, until - time.time()) + 1)  # now only who follows goes on
    for keys in (known, node_keys(lone_node.root, "benxi")):
        with lone_node.client() as client:
            client._node_keys = keys
            receipt = client.query("{ __typename }").require().receipt
            assert client.check_receipt(receipt).checkpoint.size
    export = lone_node.root / "rekeyed"
    asyncio.run(export_log_of(lone_node.root, "benxi", "access", export))
    verdict = verify_export(export, known_log_keys(lone_node.root, export))
    assert verdict.status.name in ("OK", "UNWITNESSED"), verdict
    bundles = (path for path in (export / "tile/entries").rglob("*") if path.is_file())
    detail = b"".join(path.read_bytes() for path in bundles)
    assert b'"change":"NODE_KEY"' in detail
    assert told["new"].encode() in detail
    assert not re.search(rb"PRIVATE KEY|[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}[^0-9]", detail)
