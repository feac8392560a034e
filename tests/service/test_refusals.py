"""Every refusal of a signature has a code, stands in the access log, and is itself signed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from client.algorithm import Algorithm
from client.answer import VerifiedAnswer, verify_response
from client.connection import Client
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.profile import Signer, body_digest
from client.question import Question, sign_request, unsigned_question
from client.structured import byte_sequence
from security.registry import Caller, RegisteredKey, enrol_caller, enrol_key, revoke_key
from security.signature import MAX_SKEW
from security.tlog.reader import TileReader
from service.enrolment import node_keys
from service.home import NodeHome
from service.postgres import PostgresServer
from tests.service.cities import LoneNode

pytestmark = pytest.mark.timeout(400)

DOCUMENT = "{ regions(first: 1) { nodes { name } } }"
BODY = json.dumps({"query": DOCUMENT}).encode()
KEYS = {a: SigningKey.generate(f"refusals-{a}-{os.getpid()}", a) for a in Algorithm}
STATES = {
    name: SigningKey.generate(f"refusals-{name}-{os.getpid()}")
    for name in ("revoked", "compromised", "expired", "early", "ended")
}
CONFUSED = SigningKey(f"refusals-confused-{os.getpid()}", KEYS[Algorithm.ECDSA_P256_SHA256].private)
KEY = KEYS[Algorithm.ED25519]


async def _enrol(dsn: str) -> None:
    now = time.time()
    caller = Caller("refusals", "拒绝测试", "ANALYST", region="210500")
    ended = Caller("refusals-ended", "已注销", "ANALYST", region="210500", valid_to=now - 60)
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():  # a node that reads between sees a key not yet revoked
            await enrol_caller(connection, caller)
            await enrol_caller(connection, ended)
            for key in KEYS.values():
                known = RegisteredKey(key.key_id, caller, key.algorithm, key.public)
                await enrol_key(connection, known)
            times: dict[str, dict[str, Any]] = {
                "expired": {"valid_to": now - 60},
                "early": {"valid_from": now + 3600},
                "ended": {"caller": ended},
            }
            for name, key in STATES.items():
                given = {"caller": caller, **times.get(name, {})}
                known = RegisteredKey(
                    key.key_id, algorithm=key.algorithm, public=key.public, **given
                )
                await enrol_key(connection, known)
            await revoke_key(connection, STATES["revoked"].key_id, now - 60)
            await revoke_key(connection, STATES["compromised"].key_id, now, now - 60)
            confused = RegisteredKey(CONFUSED.key_id, caller, Algorithm.SM2_SM3, CONFUSED.public)
            await enrol_key(connection, confused)
    finally:
        await connection.close()


@dataclass(frozen=True)
class Asked:
    """What a raw request got."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> str | None:
        errors = json.loads(self.body).get("errors")
        return str(errors[0]["extensions"]["code"]) if errors else None


@dataclass
class Door:
    """The running node, asked without any library between, and its log."""

    node: LoneNode
    keys: NodeKeys
    http: httpx.Client

    @property
    def url(self) -> str:
        return f"{self.node.url('benxi')}/graphql"

    def signed(self, key: Signer = KEY, **changes: Any) -> Question:
        given: dict[str, Any] = {"now": time.time(), "purpose": "P12", **changes}
        method, uri = given.pop("method", "POST"), given.pop("uri", self.url)
        body = given.pop("body", BODY if method == "POST" else b"")
        return sign_request(key, method, uri, body, **given)

    def send(
        self,
        question: Question,
        *,
        method: bytes | None = None,
        target: str | None = None,
        extra: tuple[tuple[str, str], ...] = (),
        host: str = "elsewhere.test",
    ) -> Asked:
        """Write a request as bytes, so that nothing is tidied up on the way."""
        parts = urlsplit(question.target_uri)
        sent = target or parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{(method or question.method.encode()).decode()} {sent} HTTP/1.1"]
        lines += [f"Host: {host}", f"Content-Length: {len(question.body)}"]
        lines += [f"{name}: {value}" for name, value in (*question.headers, *extra)]
        message = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + question.body
        with socket.create_connection(("127.0.0.1", self.node.ports["benxi"]), 10) as line:
            line.sendall(message)
            return self._read(line)

    def _read(self, line: socket.socket) -> Asked:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            chunk = line.recv(65536)
            assert chunk, received
            received += chunk
        first, *fields = received[:end].decode("latin-1").split("\r\n")
        headers = [(name, value) for name, _, value in (one.partition(": ") for one in fields)]
        length = int(dict(headers)["content-length"])
        body = received[end + 4 :]
        while len(body) < length:
            body += line.recv(65536)
        return Asked(int(first.split(" ")[1]), headers, body)

    def verified(self, question: Question, asked: Asked) -> VerifiedAnswer:
        return verify_response(
            question, asked.status, asked.headers, asked.body, self.keys, now=time.time()
        )

    def entry(self, answer: VerifiedAnswer) -> dict[str, Any]:
        """The sealed entry of an answer, proven to be in the log."""
        client = Client(self.node.url("benxi"), None, self.keys, http=self.http)
        inclusion = client.check_receipt(answer.receipt)
        log = answer.receipt.log.rpartition("/")[2]
        reader = TileReader(NodeHome(self.node.root, "benxi").log / log)
        return dict(json.loads(reader.entry(inclusion.index, inclusion.checkpoint.size)))


@pytest.fixture(scope="module")
def door(lone_node: LoneNode) -> Iterator[Door]:
    asyncio.run(_enrol(PostgresServer(NodeHome(lone_node.root, "benxi")).dsn))
    with httpx.Client(trust_env=False) as http:
        found = Door(lone_node, node_keys(lone_node.root, "benxi"), http)
        lone_node.wait_for(lambda: found.send(found.signed()).status == 200, 30)
        yield found


def _replaced(question: Question, name: str, change: Callable[[str], str]) -> Question:
    headers = tuple((n, change(v) if n == name else v) for n, v in question.headers)
    return Question(question.method, question.target_uri, headers, question.body, b"")


def _without(question: Question, *names: str) -> Question:
    headers = tuple(pair for pair in question.headers if pair[0] not in names)
    return Question(question.method, question.target_uri, headers, question.body, b"")


def _input(question: Question, old: str, new: str) -> Question:
    changed = _replaced(question, "signature-input", lambda value: value.replace(old, new))
    assert changed.headers != question.headers
    return changed


def _shifted(door: Door, seconds: float) -> Question:
    return door.signed(now=time.time() + seconds)


def _algorithm(door: Door, name: str) -> Question:
    return _replaced(door.signed(), "signature-input", lambda value: f'{value};alg="{name}"')


def _second_signature(door: Door) -> Question:
    other = dict(door.signed(KEYS[Algorithm.SM2_SM3]).headers)
    question = door.signed()
    for name in ("signature", "signature-input"):
        more = other[name].replace("credit=", "other=")
        question = _replaced(question, name, lambda value, more=more: f"{value}, {more}")  # type: ignore[misc]
    return question


# What is sent, and the code that it gets: the whole of item "HTTP signatures" of the profile.
REFUSALS: dict[str, tuple[str, Callable[[Door], Question]]] = {
    "unknown key": ("KEY_UNKNOWN", lambda d: d.signed(SigningKey.generate("stranger-1"))),
    "revoked key": ("KEY_REVOKED", lambda d: d.signed(STATES["revoked"])),
    "compromised key": ("KEY_REVOKED", lambda d: d.signed(STATES["compromised"])),
    "expired key": ("KEY_EXPIRED", lambda d: d.signed(STATES["expired"])),
    "key of a caller who left": ("KEY_EXPIRED", lambda d: d.signed(STATES["ended"])),
    "key that is not yet valid": ("KEY_NOT_YET_VALID", lambda d: d.signed(STATES["early"])),
    "another key's id": (
        "SIGNATURE_INVALID",
        lambda d: d.signed(SigningKey(KEY.key_id, SigningKey.generate("x").private)),
    ),
    "Ed25519 under the id of a P-256 key": (
        "SIGNATURE_INVALID",
        lambda d: d.signed(SigningKey(KEYS[Algorithm.ECDSA_P256_SHA256].key_id, KEY.private)),
    ),
    "P-256 under the id of an SM2 key": (
        "SIGNATURE_INVALID",
        lambda d: d.signed(
            SigningKey(KEYS[Algorithm.SM2_SM3].key_id, KEYS[Algorithm.ECDSA_P256_SHA256].private)
        ),
    ),
    "P-256 point registered as SM2": ("ALGORITHM_NOT_ALLOWED", lambda d: d.signed(CONFUSED)),
    "alg that is true": ("ALGORITHM_NOT_ALLOWED", lambda d: _algorithm(d, "ed25519")),
    "alg that is not": ("ALGORITHM_NOT_ALLOWED", lambda d: _algorithm(d, "hmac-sha256")),
    "a component less": (
        "SIGNATURE_COMPONENTS",
        lambda d: _input(d.signed(), ' "credit-case"', ""),
    ),
    "a component more": (
        "SIGNATURE_COMPONENTS",
        lambda d: _input(d.signed(), '"credit-case"', '"credit-case" "host"'),
    ),
    "components in another order": (
        "SIGNATURE_COMPONENTS",
        lambda d: _input(d.signed(), '"@method" "@target-uri"', '"@target-uri" "@method"'),
    ),
    "a component twice": (
        "SIGNATURE_COMPONENTS",
        lambda d: _input(d.signed(), '"@method"', '"@method" "@method"'),
    ),
    "an actor that is not covered": (
        "SIGNATURE_COMPONENTS",
        lambda d: _replaced(
            d.signed(correlation="c"),
            "signature-input",
            lambda value: value.replace(' "credit-correlation"', ""),
        ),
    ),
    "a covered header left out": (
        "SIGNATURE_COMPONENTS",
        lambda d: _without(d.signed(), "credit-case"),
    ),
    "no nonce": (
        "SIGNATURE_COMPONENTS",
        lambda d: _replaced(
            d.signed(), "signature-input", lambda value: re.sub(r';nonce="[^"]*"', "", value)
        ),
    ),
    "another tag": (
        "SIGNATURE_COMPONENTS",
        lambda d: _input(d.signed(), "credit-query-v1", "credit-answer-v1"),
    ),
    "no signature": ("SIGNATURE_MISSING", lambda d: _without(d.signed(), "signature")),
    "no signature-input": ("SIGNATURE_MISSING", lambda d: _without(d.signed(), "signature-input")),
    "a second signature": ("SIGNATURE_MALFORMED", _second_signature),
    "a case in plain text": (
        "SIGNATURE_MALFORMED",
        lambda d: _replaced(d.signed(), "credit-case", lambda _: "本〔2026〕1号"),
    ),
    "a very long field": (
        "SIGNATURE_MALFORMED",
        lambda d: _replaced(d.signed(), "credit-case", lambda _: '%"' + "x" * 30_000 + '"'),
    ),
    "a case of another question": (
        "SIGNATURE_INVALID",
        lambda d: _replaced(d.signed(), "credit-case", lambda _: '%"x"'),
    ),
    "digest of another body": (
        "DIGEST_MISMATCH",
        lambda d: _replaced(
            d.signed(),
            "content-digest",
            lambda _: f"sha-256={byte_sequence(body_digest(b'other'))}",
        ),
    ),
    "another body": (
        "DIGEST_MISMATCH",
        lambda d: Question("POST", d.url, d.signed().headers, BODY + b" ", b""),
    ),
    "expired signature": ("SIGNATURE_EXPIRED", lambda d: _shifted(d, -61)),
    "short life over": ("SIGNATURE_EXPIRED", lambda d: d.signed(now=time.time() - 3, lifetime=2)),
    "clock ahead": ("SIGNATURE_NOT_YET_VALID", lambda d: _shifted(d, 10)),
    "life of more than a minute": (
        "SIGNATURE_LIFETIME",
        lambda d: _replaced(
            d.signed(),
            "signature-input",
            lambda value: re.sub(
                r"expires=(\d+)", lambda found: f"expires={int(found[1]) + 60}", value
            ),
        ),
    ),
    "signed for another node": (
        "SIGNATURE_INVALID",
        lambda d: d.signed(uri="http://shenyang.test:8000/graphql"),
    ),
}


def test_every_refusal_has_its_code_is_signed_and_stands_in_the_log(door: Door) -> None:
    answers = {}
    for name, (code, make) in REFUSALS.items():
        question = make(door)
        sent = Question(
            "POST", door.url, question.headers, question.body, body_digest(question.body)
        )
        asked = door.send(question, target="/graphql")
        assert (asked.status, asked.code) == (401, code), name
        faulty = _without(sent, "credit-case") if code == "SIGNATURE_MALFORMED" else sent
        verified = door.verified(
            Question("POST", door.url, faulty.headers, sent.body, sent.body_digest), asked
        )
        named = re.findall(r'keyid="([^"]*)"', question.header("signature-input") or "")
        answers[name] = verified, named[0] if len(named) == 1 else None
    for name, (answer, claimed) in answers.items():
        entry = door.entry(answer)
        assert (entry["decision"], entry["reason"]) == ("DENIED", REFUSALS[name][0]), name
        assert entry["rows"] == 0
        # Whose key was named is what an operator looks for; that it was its owner is not said.
        assert (entry["caller"], entry["keyId"]) == ("public", claimed), name


def test_what_looks_like_an_identity_number_is_no_key_id_in_the_log(door: Door) -> None:
    question = door.signed(SigningKey("210502199003071234-1", KEY.private))
    asked = door.send(question)
    assert asked.code == "KEY_UNKNOWN"
    assert door.entry(door.verified(question, asked))["keyId"] == "[id]-1"


def test_a_body_that_is_too_long_is_refused_signed_and_logged(door: Door) -> None:
    limit = 1_000_000
    for size in (limit + 1, 3 * limit):
        question = door.signed(body=BODY + b" " * (size - len(BODY)))
        asked = door.send(question)
        assert (asked.status, asked.code) == (413, "BODY_TOO_LARGE")
        entry = door.entry(door.verified(question, asked))
        assert (entry["reason"], entry["status"], entry["keyId"]) == (
            "BODY_TOO_LARGE",
            413,
            KEY.key_id,
        )
    longest = door.signed(body=BODY + b" " * (limit - len(BODY)))
    assert door.send(longest).status == 200


def test_each_algorithm_asks_and_is_logged_with_its_key(door: Door) -> None:
    for key in KEYS.values():
        for question in (
            door.signed(key, case="本信研〔2026〕3号", correlation="c-1", actor="王某"),
            door.signed(key, method="GET", uri=f"{door.url}?query=%7B__typename%7D"),
        ):
            asked = door.send(question)
            assert asked.status == 200, asked.body
            entry = door.entry(door.verified(question, asked))
            assert (entry["decision"], entry["keyId"]) == ("ALLOWED", key.key_id)
            if question.method == "POST":
                assert entry["case"] == "本信研〔2026〕3号"
                assert (entry["actor"], entry["correlation"]) == ("王某", "c-1")


def test_a_header_sent_twice_is_refused_and_not_bound(door: Door) -> None:
    question = door.signed()
    for name, value in question.headers:
        asked = door.send(question, extra=((name.title(), value),))
        assert (asked.status, asked.code) == (401, "SIGNATURE_MALFORMED"), name
        door.verified(
            Question("POST", door.url, _without(question, name).headers, BODY, body_digest(BODY)),
            asked,
        )


def test_the_target_is_the_one_that_was_signed(door: Door) -> None:
    """Other spellings of an address are other addresses; the node's own name is its setting."""
    query = "query=%7Bregions(first:1)%7Bnodes%7Bname%7D%7D%7D"
    question = door.signed(method="GET", uri=f"{door.url}?{query}")
    for target in (
        f"/graphql?{query.replace('%7B', '%7b')}",
        f"/graphql?{query.replace('regions', '%72egions')}",
        f"/%67raphql?{query}",
        f"/graphql?{query}&",
        f"/graphql?&{query}",
    ):
        asked = door.send(question, target=target)
        assert (asked.status, asked.code) == (401, "SIGNATURE_INVALID"), target
    for name in ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "Forwarded"):
        elsewhere = door.signed(uri="http://elsewhere.test/graphql")
        value = "host=elsewhere.test;proto=http" if name == "Forwarded" else "elsewhere.test"
        extra = () if name == "Host" else ((name, value),)
        asked = door.send(elsewhere, target="/graphql", extra=extra)
        assert (asked.status, asked.code) == (401, "SIGNATURE_INVALID"), name
        question = door.signed()
        asked = door.send(question, extra=extra)
        assert asked.status == 200
        door.verified(question, asked)
    other = door.signed()
    asked = door.send(other, target="http://elsewhere.test/graphql")
    assert asked.status == 200  # the absolute form names a proxy's host: only the path counts


def test_the_method_is_the_one_that_was_signed(door: Door) -> None:
    question = door.signed()
    asked = door.send(question, method=b"PUT")
    assert (asked.status, asked.code) == (401, "SIGNATURE_INVALID")
    for method in (b"post", b"Post"):  # no method of HTTP: refused before it is a request
        with pytest.raises((AssertionError, json.JSONDecodeError)):
            assert door.send(question, method=method).code is None


def test_what_is_no_http_never_becomes_a_request(door: Door) -> None:
    question = door.signed()
    for extra in (
        ("X-Folded", "a\r\n b"),
        ("credit-correlation ", '"c"'),
        ("X-Nul", "a\0b"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "1"),
    ):
        assert door.send(question, extra=(extra,)).status == 400, extra
    huge = door.send(question, extra=(("X-Huge", "x" * 1_000_000),))
    assert (huge.status, huge.code) == (431, "HEADERS_TOO_LARGE")
    assert door.send(question).status == 200


def test_an_answer_to_another_question_is_noticed(door: Door) -> None:
    first, second = door.signed(), door.signed()
    answer_to_first, answer_to_second = door.send(first), door.send(second)
    with pytest.raises(ClientError, match="ANSWER_SIGNATURE_INVALID"):
        door.verified(first, answer_to_second)
    with pytest.raises(ClientError, match="ANSWER_SIGNATURE_INVALID"):
        door.verified(second, answer_to_first)
    other = Asked(answer_to_first.status, answer_to_first.headers, answer_to_second.body + b" ")
    with pytest.raises(ClientError, match="ANSWER_DIGEST_MISMATCH"):
        door.verified(first, other)


async def _copies(door: Door, question: Question, count: int) -> Counter[str | None]:
    lines = min(count, 40)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:

        async def send() -> str | None:
            answer = await http.post(
                door.url, headers=list(question.headers), content=question.body
            )
            headers = answer.headers.multi_items()
            return door_code(door, question, answer.status_code, headers, answer.content)

        # Requests that wait for one of httpx's connections cost it more the more there are.
        async def some() -> Counter[str | None]:
            return Counter([await send() for _ in range(count // lines)])

        return sum(await asyncio.gather(*(some() for _ in range(lines))), Counter())


def door_code(
    door: Door, question: Question, status: int, headers: list[tuple[str, str]], body: bytes
) -> str | None:
    asked = Asked(status, headers, body)
    door.verified(question, asked)
    return asked.code


def _silent(node: LoneNode) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", node.ports["benxi"])) != 0


def test_of_a_thousand_copies_at_four_workers_one_is_answered_and_after_a_restart_none(
    door: Door, lone_node: LoneNode
) -> None:
    """And what one address may ask unsigned, it may ask of the node, not of each worker."""
    lone_node.stop(signal.SIGKILL)  # its databases run on, for the one that takes them over
    before = dict(lone_node.environment)
    lone_node.environment |= {"XINQIAO_BENXI_WORKERS": "4", "XINQIAO_BENXI_PUBLIC_BURST": "40"}
    try:
        lone_node.start()
        began = time.monotonic()
        unsigned = asyncio.run(_copies(door, unsigned_question("POST", door.url, BODY), 200))
        refilled = (time.monotonic() - began) / 2 + 1
        counted = asyncio.run(_copies(door, _lasting(door), 1000))
        late = _lasting(door)
        assert door.send(late).status == 200
    finally:
        lone_node.stop(signal.SIGKILL)
        lone_node.wait_for(lambda: _silent(lone_node), 30)  # its workers end with it
        lone_node.environment = before
        lone_node.start()
    assert unsigned.keys() == {None, "RATE_LIMITED"}
    assert 40 <= unsigned[None] <= 40 + refilled
    assert counted == {None: 1, "REPLAYED": 999}
    assert asyncio.run(_copies(door, late, 20)) == {"REPLAYED": 20}


def _lasting(door: Door) -> Question:
    """A question whose signature is good for longer than a thousand copies, or a restart, take."""
    return door.signed(now=time.time() + MAX_SKEW - 1)
