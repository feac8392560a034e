"""The signature profile: RFC 9421 vectors, another implementation, and every single change."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from hypothesis import given
from hypothesis import strategies as st

from client.answer import verify_response
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.note import VerifierKey
from client.profile import request_base
from client.question import sign_request, unsigned_question
from client.receipt import Receipt
from client.structured import (
    byte_sequence,
    display_string,
    parse_byte_sequence,
    parse_display_string,
    token,
)
from security.errors import SignatureError
from security.registry import Algorithm, Caller, RegisteredKey, Registry
from security.signature import ReceivedRequest, read_request, sign_response, verify_request

NOW = 1_780_000_000.5
URI = "http://127.0.0.1:8000/graphql"
BODY = b'{"query":"{ organisation { name } }"}'
# RFC 9421 B.1.4, test-key-ed25519
SEED = urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
PUBLIC = urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")

KEY = SigningKey("shenyang-1", Ed25519PrivateKey.from_private_bytes(SEED))
NODE = SigningKey("benxi-1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
LOG = VerifierKey("xinqiao.benxi/access", NODE.public)
NODE_KEYS = NodeKeys({NODE.key_id: NODE.public}, {LOG.name: LOG})
CALLER = Caller("shenyang", "沈阳", "PCITY")
KNOWN = RegisteredKey(KEY.key_id, CALLER, Algorithm.ED25519, KEY.public)
REGISTRY = Registry.of([KNOWN])


def received(
    headers: tuple[tuple[str, str], ...], body: bytes = BODY, method: str = "POST", uri: str = URI
) -> ReceivedRequest:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return read_request(method, uri, raw, body)


def refusal(request: ReceivedRequest, registry: Registry = REGISTRY, now: float = NOW) -> str:
    with pytest.raises(SignatureError) as caught:
        verify_request(request, registry, now)
    return caught.value.code


def signed(**changes: Any) -> tuple[tuple[str, str], ...]:
    options: dict[str, Any] = {"now": NOW, "purpose": "P1", "case": "本行审〔2026〕18号"}
    return sign_request(KEY, "POST", URI, BODY, **{**options, **changes}).headers


def replaced(headers: tuple[tuple[str, str], ...], name: str, value: str) -> Any:
    return tuple((n, value if n == name else v) for n, v in headers)


def test_rfc9421_b26_ed25519_signature() -> None:
    fields = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@path": "/foo",
        "@authority": "example.com",
        "content-type": "application/json",
        "content-length": "18",
    }
    base = (
        f'"date": {fields["date"]}\n"@method": POST\n"@path": /foo\n"@authority": example.com\n'
        '"content-type": application/json\n"content-length": 18\n"@signature-params": '
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    assert KEY.public == PUBLIC
    assert byte_sequence(KEY.sign(base.encode())) == (
        ":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"
    )


def test_signature_base_is_laid_out_as_rfc9421_2_5_says() -> None:
    names = ("@method", "@target-uri", "content-type")
    base = request_base(names, "(…)".replace("…", "x"), ";a", "POST", URI, {"content-type": "t"})
    assert base.decode().split("\n") == [
        '"@method": POST',
        f'"@target-uri": {URI}',
        '"content-type": t',
        '"@signature-params": (x);a',
    ]


def test_signed_question_is_verified_with_everything_it_says() -> None:
    headers = signed(actor="王某", correlation="c-1", authorization="auth:7")
    verified = verify_request(received(headers), REGISTRY, NOW)
    assert verified.caller == CALLER
    assert (verified.purpose, verified.case) == ("P1", "本行审〔2026〕18号")
    assert (verified.actor, verified.correlation) == ("王某", "c-1")
    assert verified.authorization == "auth:7"
    assert verified.once is not None
    assert verified.once.key_id == KEY.key_id


def test_no_purpose_and_no_case_are_sent_explicitly() -> None:
    headers = dict(signed(purpose=None, case=""))
    assert (headers["credit-purpose"], headers["credit-case"]) == ("none", '%""')
    verified = verify_request(received(tuple(headers.items())), REGISTRY, NOW)
    assert (verified.purpose, verified.case) == (None, "")


def test_get_leaves_out_the_content_fields() -> None:
    question = sign_request(KEY, "GET", URI + "?q=1", now=NOW)
    assert '"content-type"' not in dict(question.headers)["signature-input"]
    request = received(question.headers, b"", "GET", URI + "?q=1")
    assert verify_request(request, REGISTRY, NOW).caller == CALLER
    assert refusal(received(question.headers, b"x", "GET", URI + "?q=1")) == "DIGEST_MISMATCH"


def test_question_without_signature_is_the_public_readers() -> None:
    verified = verify_request(received(unsigned_question("POST", URI, BODY).headers), REGISTRY, NOW)
    assert verified.caller.role == "PUB"
    assert verified.once is None


@pytest.mark.parametrize("name", [name for name, _ in signed()])
def test_leaving_out_any_signed_header_is_refused(name: str) -> None:
    rest = tuple((n, v) for n, v in signed() if n != name)
    expected = {
        "signature": {"SIGNATURE_MISSING"},
        "signature-input": {"SIGNATURE_MISSING"},
    }.get(name, {"SIGNATURE_COMPONENTS"})
    assert refusal(received(rest)) in expected


@pytest.mark.parametrize("name", [name for name, _ in signed()])
def test_sending_any_signed_header_twice_is_refused(name: str) -> None:
    headers = signed()
    assert refusal(received((*headers, (name, dict(headers)[name])))) == "SIGNATURE_MALFORMED"


@given(st.data())
def test_any_changed_character_of_any_signed_part_is_refused(data: st.DataObject) -> None:
    headers = signed(correlation="c-1", nonce="n" * 24)
    name, value = data.draw(st.sampled_from(headers))
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(value[at].__ne__))
    changed = replaced(headers, name, value[:at] + other + value[at + 1 :])
    if name in ("signature", "signature-input") and value[at] in value.split("=")[0]:
        return  # the label is not signed; both headers must agree on it
    refusal(received(changed))


@given(
    st.dictionaries(st.sampled_from([name for name, _ in signed()]), st.binary(max_size=60)),
    st.sampled_from(["GET", "POST", "PUT", "OPTIONS"]),
)
def test_no_header_breaks_the_verifier(changes: dict[str, bytes], method: str) -> None:
    headers = {name: value.encode() for name, value in signed()} | changes
    raw = [(name.encode(), value) for name, value in headers.items()]
    request = read_request(method, URI + "?q=\u4e2d", raw, BODY)
    refused = False
    try:
        verify_request(request, REGISTRY, NOW)
    except SignatureError:
        refused = True
    assert refused
    receipt = Receipt(bytes(32), int(NOW), 2, LOG.name, request.body_digest)
    sign_response(  # a refusal is signed too, whatever was sent
        request, NODE, status=401, content_type="a/b", body=b"", receipt=receipt, now=NOW
    )


def test_other_method_target_or_body_is_refused() -> None:
    headers = signed()
    assert refusal(received(headers, BODY + b" ")) == "DIGEST_MISMATCH"
    assert refusal(received(headers, uri=URI + "?x")) == "SIGNATURE_INVALID"
    assert refusal(received(headers, method="PUT")) == "SIGNATURE_INVALID"


def test_header_that_would_have_to_be_covered_is_refused() -> None:
    headers = (*signed(), ("credit-actor", '%"x"'))
    assert refusal(received(headers)) == "SIGNATURE_COMPONENTS"


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (NOW + 60, "SIGNATURE_EXPIRED"),
        (NOW + 59, None),
        (NOW - 5, None),
        (NOW - 6, "SIGNATURE_NOT_YET_VALID"),
    ],
)
def test_lifetime_is_a_minute_and_skew_five_seconds(now: float, code: str | None) -> None:
    request = received(signed())
    if code is None:
        verify_request(request, REGISTRY, now)
    else:
        assert refusal(request, now=now) == code


def test_lifetime_over_a_minute_is_refused() -> None:
    with pytest.raises(ClientError, match="QUESTION_MALFORMED"):
        signed(lifetime=61)
    value = dict(signed())["signature-input"]
    created = int(NOW)
    longer = value.replace(f"expires={created + 60}", f"expires={created + 61}")
    assert refusal(received(replaced(signed(), "signature-input", longer))) == "SIGNATURE_LIFETIME"


def test_algorithm_comes_from_the_registry_only() -> None:
    value = dict(signed())["signature-input"] + ';alg="ed25519"'
    headers = replaced(signed(), "signature-input", value)
    assert refusal(received(headers)) == "ALGORITHM_NOT_ALLOWED"
    sm2 = RegisteredKey(KEY.key_id, CALLER, Algorithm.SM2_SM3, KEY.public)
    assert refusal(received(signed()), Registry.of([sm2])) == "ALGORITHM_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"valid_from": NOW + 1}, "KEY_NOT_YET_VALID"),
        ({"valid_to": NOW}, "KEY_EXPIRED"),
        ({"revoked_at": NOW}, "KEY_REVOKED"),
        ({"compromised_at": NOW - 100}, "KEY_REVOKED"),
        ({"caller": Caller("shenyang", "沈阳", "PCITY", valid_to=NOW)}, "KEY_EXPIRED"),
    ],
)
def test_key_must_be_usable_now(change: dict[str, Any], code: str) -> None:
    options: dict[str, Any] = {"caller": CALLER, **change}
    key = RegisteredKey(KEY.key_id, algorithm=Algorithm.ED25519, public=KEY.public, **options)
    assert refusal(received(signed()), Registry.of([key])) == code
    assert refusal(received(signed()), Registry.of([])) == "KEY_UNKNOWN"


# -- answers --------------------------------------------------------------------------------


def answer(question: Any, body: bytes = b'{"data":null}', status: int = 200) -> Any:
    request = received(question.headers, question.body, question.method, question.target_uri)
    receipt = Receipt(sha256(b"e").digest(), int(NOW), 2, LOG.name, request.body_digest)
    fields = sign_response(
        request,
        NODE,
        status=status,
        content_type="application/json",
        body=body,
        receipt=receipt,
        now=NOW,
    )
    return [(name.decode(), value.decode()) for name, value in fields]


@pytest.mark.parametrize(
    "question",
    [
        sign_request(KEY, "POST", URI, BODY, now=NOW, purpose="P1"),
        sign_request(KEY, "GET", URI, now=NOW),
        unsigned_question("POST", URI, BODY),
        unsigned_question("GET", URI),
    ],
)
def test_answer_is_bound_to_its_question_receipt_and_status(question: Any) -> None:
    body, headers = b'{"data":null}', answer(question)
    verified = verify_response(question, 200, headers, body, NODE_KEYS, now=NOW)
    assert verified.receipt.body == question.body_digest
    other = sign_request(KEY, "POST", URI + "x", BODY, now=NOW)
    for changed in (
        (other, 200, headers, body),
        (question, 403, headers, body),
        (question, 200, headers, body + b" "),
        (question, 200, [*headers, headers[0]], body),
        *((question, 200, headers[:i] + headers[i + 1 :], body) for i in range(len(headers))),
    ):
        with pytest.raises(ClientError):
            verify_response(*changed, NODE_KEYS, now=NOW)


def test_answer_to_one_signature_is_no_answer_to_another() -> None:
    first = sign_request(KEY, "POST", URI, BODY, now=NOW)
    second = sign_request(KEY, "POST", URI, BODY, now=NOW)
    with pytest.raises(ClientError, match="ANSWER_SIGNATURE_INVALID"):
        verify_response(second, 200, answer(first), b'{"data":null}', NODE_KEYS, now=NOW)


def test_old_answers_and_unknown_keys_are_refused() -> None:
    question = unsigned_question("POST", URI, BODY)
    with pytest.raises(ClientError, match="ANSWER_STALE"):
        verify_response(question, 200, answer(question), b'{"data":null}', NODE_KEYS, now=NOW + 400)
    keys = NodeKeys({"x": NODE.public}, {LOG.name: LOG})
    with pytest.raises(ClientError, match="ANSWER_KEY_UNKNOWN"):
        verify_response(question, 200, answer(question), b'{"data":null}', keys, now=NOW)


def test_receipt_is_a_structured_dictionary() -> None:
    receipt = Receipt(bytes(32), 1_780_000_000, 2, LOG.name, bytes(range(32)))
    assert Receipt.parse(receipt.header()) == receipt
    parsed: Any = http_sf.parse(receipt.header().encode(), tltype="dictionary")
    assert parsed["leaf"][0] == bytes(32)
    assert parsed["body"][0] == bytes(range(32))
    assert parsed["time"][0] == datetime.fromtimestamp(1_780_000_000, UTC)
    assert parsed["delay"][0] == 2
    assert parsed["log"][0] == LOG.name


# -- against another implementation ---------------------------------------------------------


class Resolver(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> Any:
        key = {KEY.key_id: KEY, NODE.key_id: NODE}[key_id]
        return key.private.public_key()

    def resolve_private_key(self, key_id: str) -> Any:
        return KEY.private


def test_another_implementation_verifies_our_question_and_answer() -> None:
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Resolver())
    now = datetime.now(UTC).timestamp()
    question = sign_request(KEY, "POST", URI, BODY, now=now, purpose="P1", case="沈〔2026〕1")
    request = SimpleNamespace(method="POST", url=URI, headers=dict(question.headers))
    results: Any = verifier.verify(request)
    assert results[0].parameters["keyid"] == KEY.key_id
    response = SimpleNamespace(status_code=200, headers=dict(answer(question)), request=request)
    verifier.validate_created_and_expires = lambda *a, **k: None  # type: ignore[method-assign]
    assert verifier.verify(response)[0].parameters["keyid"] == NODE.key_id


def test_another_implementations_question_is_verified() -> None:
    fields = dict(signed())
    headers = {k: v for k, v in fields.items() if not k.startswith("signature")}
    request = SimpleNamespace(method="POST", url=URI, headers=headers)
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Resolver()).sign(
        request,
        key_id=KEY.key_id,
        created=datetime.fromtimestamp(int(NOW), UTC),
        expires=datetime.fromtimestamp(int(NOW) + 60, UTC),
        nonce="0123456789abcdef0123",
        tag="credit-query-v1",
        include_alg=False,
        use_existing_digest=True,
        covered_component_ids=(
            "@method",
            "@target-uri",
            "content-type",
            "content-digest",
            "credit-purpose",
            "credit-case",
        ),
    )
    headers = {name.lower(): value for name, value in request.headers.items()}
    verified = verify_request(received(tuple(headers.items())), REGISTRY, NOW)
    assert verified.caller == CALLER
    assert verified.case == "本行审〔2026〕18号"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_display_strings_are_those_of_another_implementation(text: str) -> None:
    assert display_string(text) == http_sf.ser(http_sf.DisplayString(text))
    assert parse_display_string(display_string(text)) == text


@pytest.mark.parametrize("value", ['%"%E6"', '%"%e6"', '"x"', '%"a', '%"%41"', '%"\x7f"', "%x"])
def test_other_spellings_of_display_strings_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_display_string(value)


@pytest.mark.parametrize("value", [":AB==:", "AA==", ":A:", ":AA==", ":AA:"])
def test_other_spellings_of_byte_sequences_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_byte_sequence(value)


@pytest.mark.parametrize("value", ["", "-", "1P", "P 1", "P1\n"])
def test_what_is_no_token_cannot_be_a_purpose(value: str) -> None:
    with pytest.raises(ValueError, match="token"):
        token(value)
