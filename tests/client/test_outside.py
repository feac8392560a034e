"""Our signature profile against two implementations by others, in both directions.

PyPI's http-message-signatures runs here; npm's runs in Node (tests/client/outside), pinned by its
lock file. What either signs in our profile we verify, what we sign they verify, and no single
change of a signed part passes here or there.
"""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from hypothesis import given, settings
from hypothesis import strategies as st

from client.algorithm import Algorithm, private_pem
from client.answer import verify_response
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.note import VerifierKey
from client.profile import content_digest
from client.question import Question, sign_request, unsigned_question
from client.receipt import Receipt
from client.structured import byte_sequence, display_string, string
from security.errors import SignatureError
from security.registry import Caller, RegisteredKey, Registry
from security.signature import read_request, sign_response, verify_request
from tests.programs import npm_folder


def moment() -> int:
    """The time now: the npm package judges by its own clock when a signature ends."""
    return int(time.time())


ORIGIN = "http://127.0.0.1:8000"
OUTSIDE = Path(__file__).parent / "outside"
KEYS = {algorithm: SigningKey.generate(f"key-{algorithm}", algorithm) for algorithm in Algorithm}
CALLER = Caller("shenyang", "沈阳", "PCITY")
REGISTRY = Registry.of(
    RegisteredKey(key.key_id, CALLER, key.algorithm, key.public) for key in KEYS.values()
)
LOG = VerifierKey("xinqiao.benxi/access", KEYS[Algorithm.ED25519].public)
NODE_KEYS = NodeKeys({key.key_id: key.public_key for key in KEYS.values()}, {LOG.name: LOG})

Message = dict[str, Any]
"""A request {method, url, headers} or a response {status, headers}."""


class Peer(Protocol):
    """Another implementation of RFC 9421."""

    kinds: tuple[Algorithm, ...]

    def sign(
        self,
        key: SigningKey,
        message: Message,
        fields: list[str],
        values: Mapping[str, Any],
        request: Message | None = None,
    ) -> dict[str, str]:
        """The header fields of the message once it is signed."""

    def verifies(self, key: SigningKey, message: Message, request: Message | None = None) -> bool:
        """Whether the signature holds."""


# -- PyPI -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneKey(HTTPSignatureKeyResolver):
    key: SigningKey

    def resolve_public_key(self, key_id: str) -> Any:
        if key_id != self.key.key_id:
            return None
        if self.key.algorithm is Algorithm.SM2_SM3:
            return self.key
        return load_pem_private_key(private_pem(self.key.private), None).public_key()

    def resolve_private_key(self, key_id: str) -> Any:
        if self.key.algorithm is Algorithm.SM2_SM3:
            return self.key
        return load_pem_private_key(private_pem(self.key.private), None)


class Sm2(HTTPSignatureAlgorithm):
    """Their layout of the signature base with our SM2."""

    algorithm_id = "sm2-sm3"

    def __init__(self, public_key: Any = None, private_key: Any = None) -> None:
        self.key: SigningKey = public_key or private_key

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        if not self.key.public_key.holds(signature, message):
            raise ValueError("the signature does not hold")


class Timeless(HTTPMessageVerifier):
    def validate_created_and_expires(self, *_: Any, **__: Any) -> None:
        """Times are the profile's own matter."""


class PyPI:
    kinds: tuple[Algorithm, ...] = tuple(Algorithm)
    _theirs: Mapping[Algorithm, Any] = {
        Algorithm.ED25519: algorithms.ED25519,
        Algorithm.ECDSA_P256_SHA256: algorithms.ECDSA_P256_SHA256,
        Algorithm.SM2_SM3: Sm2,
    }

    def sign(
        self,
        key: SigningKey,
        message: Message,
        fields: list[str],
        values: Mapping[str, Any],
        request: Message | None = None,
    ) -> dict[str, str]:
        sent = self._message(message, request)
        times: dict[str, Any] = {
            name: datetime.fromtimestamp(values[name], UTC)
            for name in ("created", "expires")
            if name in values
        }
        texts = {name: values[name] for name in ("nonce", "tag") if name in values}
        signer = HTTPMessageSigner(
            signature_algorithm=self._theirs[key.algorithm], key_resolver=OneKey(key)
        )
        signer.sign(
            sent,
            key_id=values["keyid"],
            include_alg=False,
            use_existing_digest="content-digest" in sent.headers,
            covered_component_ids=fields,
            label="theirs",
            **texts,
            **times,
        )
        return {name.lower(): value for name, value in sent.headers.items()}

    def verifies(self, key: SigningKey, message: Message, request: Message | None = None) -> bool:
        verifier = Timeless(
            signature_algorithm=self._theirs[key.algorithm], key_resolver=OneKey(key)
        )
        try:
            return len(verifier.verify(self._message(message, request), max_age=None)) == 1
        except HTTPMessageSignaturesException:
            return False

    def _message(self, message: Message, request: Message | None) -> Any:
        if "status" not in message:
            return SimpleNamespace(**{**message, "headers": dict(message["headers"])})
        bound = None if request is None else self._message(request, None)
        headers = dict(message["headers"])
        return SimpleNamespace(status_code=message["status"], headers=headers, request=bound)


# -- npm ------------------------------------------------------------------------------------


class Npm:
    kinds: tuple[Algorithm, ...] = (Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256)

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            ["node", "peer.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def sign(
        self,
        key: SigningKey,
        message: Message,
        fields: list[str],
        values: Mapping[str, Any],
        request: Message | None = None,
    ) -> dict[str, str]:
        answer = self._ask(
            do="sign",
            key=private_pem(key.private).decode(),
            algorithm=key.algorithm,
            keyId=key.key_id,
            label="theirs",
            message=message,
            request=request,
            fields=fields,
            values=values,
        )
        assert "headers" in answer, answer
        return {name.lower(): value for name, value in answer["headers"].items()}

    def verifies(self, key: SigningKey, message: Message, request: Message | None = None) -> bool:
        private: Any = load_pem_private_key(private_pem(key.private), None)
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        answer = self._ask(
            do="verify",
            key=public.decode(),
            algorithm=key.algorithm,
            keyId=key.key_id,
            message=message,
            request=request,
            now=moment() + 5,
        )
        return bool(answer["verified"])

    def _ask(self, **asked: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module", params=["PyPI", "npm"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    if request.param == "PyPI":
        yield PyPI()
        return
    npm = Npm(npm_folder(OUTSIDE))
    try:
        yield npm
    finally:
        npm.close()


# -- questions ------------------------------------------------------------------------------

_ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
_STRINGS = _ASCII.filter(lambda text: not set(text) & {'"', "\\"})
_CHINESE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["本行审〔2026〕18号", "辽检（2026）第1号%", "沈〔2026〕1 号\n", '"引"']
)
_ESCAPES = st.sampled_from(
    ["%2F", "%2f", "%25", "%00", "%e6%9c%ac", "%E6%9C%AC", "%7e", "~", "..", "/", "//", "a", "+"]
)
_PATHS = st.lists(_ESCAPES, max_size=6).map(lambda parts: "/graphql" + "".join(parts))
_QUERIES = st.lists(_ESCAPES | st.sampled_from(["&", "=", "?", "q", "'"]), max_size=8).map("".join)
_TARGETS = st.builds(lambda path, query: f"{path}?{query}" if query else path, _PATHS, _QUERIES)
_CLAIMS = st.fixed_dictionaries(
    {"purpose": st.sampled_from([None, "P1", "P17", "p:x/1"]), "case": _CHINESE},
    optional={"actor": _CHINESE, "correlation": _STRINGS, "authorization": _STRINGS},
)
_EXAMPLES = partial(settings, max_examples=120)


def outside_message(question: Question) -> Message:
    return {
        "method": question.method,
        "url": question.target_uri,
        "headers": dict(question.headers),
    }


def accepted(message: Message, body: bytes) -> bool:
    """Whether our verifier takes a request, whatever is wrong with one that it does not take."""
    raw = [(name.encode(), value.encode()) for name, value in message["headers"].items()]
    received = read_request(message["method"], message["url"], raw, body)
    try:
        return verify_request(received, REGISTRY, moment()).key_id is not None
    except SignatureError:
        return False


def changed(data: st.DataObject, message: Message) -> Message:
    """A message with one character of one signed part changed."""
    parts = [*message["headers"], "method", "url"]
    part = data.draw(st.sampled_from(parts))
    if part == "method":
        return {**message, "method": "GET" if message["method"] == "POST" else "POST"}
    headers = message["headers"]
    old = message["url"] if part == "url" else headers[part]
    if part == "signature":  # other spellings of the same bytes are ours to refuse, not theirs
        raw = bytearray(b64decode(old.partition("=")[2].strip(":")))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        new = f"{old.partition('=')[0]}={byte_sequence(bytes(raw))}"
    else:
        at = data.draw(st.integers(0, len(old) - 1))
        other = st.sampled_from("abcXYZ019/._-").filter(old[at].__ne__)
        new = old[:at] + data.draw(other) + old[at + 1 :]
    if part == "url":
        return {**message, "url": new}
    return {**message, "headers": {**headers, part: new}}


@_EXAMPLES()
@given(data=st.data(), target=_TARGETS, claims=_CLAIMS, body=st.none() | st.binary(max_size=50))
def test_our_questions_hold_there_and_changed_ones_nowhere(
    peer: Peer, data: st.DataObject, target: str, claims: Any, body: bytes | None
) -> None:
    key = KEYS[data.draw(st.sampled_from(peer.kinds))]
    method = "GET" if body is None else "POST"
    question = sign_request(key, method, ORIGIN + target, body or b"", now=moment(), **claims)
    message = outside_message(question)
    assert peer.verifies(key, message)
    assert accepted(message, question.body)
    other = changed(data, message)
    assert not peer.verifies(key, other)
    assert not accepted(other, question.body)


@_EXAMPLES()
@given(data=st.data(), target=_TARGETS, claims=_CLAIMS, body=st.none() | st.binary(max_size=50))
def test_their_questions_in_our_profile_hold_here(
    peer: Peer, data: st.DataObject, target: str, claims: Any, body: bytes | None
) -> None:
    key = KEYS[data.draw(st.sampled_from(peer.kinds))]
    headers = {"credit-purpose": claims["purpose"] or "none"}
    headers["credit-case"] = display_string(claims["case"])
    fields = ["@method", "@target-uri"]
    if body is not None:
        headers["content-type"] = "application/json"
        headers["content-digest"] = content_digest(sha256(body).digest())
        fields += ["content-type", "content-digest"]
    fields += ["credit-purpose", "credit-case"]
    for name in ("actor", "correlation", "authorization"):
        if name in claims:
            write = display_string if name == "actor" else string
            headers[f"credit-{name}"] = write(claims[name])
            fields.append(f"credit-{name}")
    at = moment()
    values = {
        "created": at,
        "expires": at + 60,
        "nonce": "0123456789abcdef0123",
        "keyid": key.key_id,
        "tag": "credit-query-v1",
    }
    method = "GET" if body is None else "POST"
    message: Message = {"method": method, "url": ORIGIN + target, "headers": headers}
    sent = {**message, "headers": peer.sign(key, message, fields, values)}
    assert sent["headers"]["signature"].startswith("theirs=")
    assert accepted(sent, body or b"")
    other = changed(data, sent)
    assert not accepted(other, body or b"")
    assert not peer.verifies(key, other)


# -- answers --------------------------------------------------------------------------------

QUESTIONS = [
    sign_request(
        KEYS[Algorithm.ED25519], "POST", f"{ORIGIN}/graphql", b"{}", now=moment(), case="本1"
    ),
    sign_request(
        KEYS[Algorithm.SM2_SM3], "POST", f"{ORIGIN}/graphql", b"{}", now=moment(), sm3=True
    ),
    sign_request(
        KEYS[Algorithm.ECDSA_P256_SHA256], "GET", f"{ORIGIN}/graphql?query=%7B%7D", now=moment()
    ),
    unsigned_question("POST", f"{ORIGIN}/graphql", b"{}"),
    unsigned_question("GET", f"{ORIGIN}/graphql?query=%7B%7D"),
]
BODY = '{"data":{"name":"本溪"}}'.encode()


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_hold_in_both_directions(peer: Peer, question: Question) -> None:
    request = outside_message(question)
    raw = [(name.encode(), value.encode()) for name, value in question.headers]
    received = read_request(question.method, question.target_uri, raw, question.body)
    receipt = Receipt(bytes(32), moment(), 2, LOG.name, question.body_digest)
    for algorithm in peer.kinds:
        key = KEYS[algorithm]
        signed = sign_response(
            received,
            key,
            status=200,
            content_type="application/json",
            body=BODY,
            receipt=receipt,
            now=moment(),
        )
        headers = {name.decode(): value.decode() for name, value in signed}
        ours: Message = {"status": 200, "headers": headers}
        assert peer.verifies(key, ours, request)
        assert not peer.verifies(key, {**ours, "status": 403}, request)
        assert not peer.verifies(key, ours, {**request, "url": f"{request['url']}x"})

    for name in ("signature", "signature-input"):
        del headers[name]
    fields = ["@status", "content-type", "content-digest", "credit-receipt"]
    fields += ['"@method";req', '"@target-uri";req']
    fields += [f'"{name}";req' for name in ("content-digest", "signature") if question.header(name)]
    values = {"created": moment(), "keyid": key.key_id, "tag": "credit-answer-v1"}
    message: Message = {"status": 200, "headers": headers}
    theirs = peer.sign(key, message, fields, values, request)
    verified = verify_response(question, 200, theirs.items(), BODY, NODE_KEYS, now=moment())
    assert verified.key_id == key.key_id
    for other in (q for q in QUESTIONS if q is not question):
        with pytest.raises(ClientError, match=r"ANSWER_(COMPONENTS|SIGNATURE_INVALID)"):
            verify_response(other, 200, theirs.items(), BODY, NODE_KEYS, now=moment())
