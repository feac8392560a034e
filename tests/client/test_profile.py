"""The signature profile: RFC 9421 vectors, another implementation, and every single change."""

from base64 import urlsafe_b64decode
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.algorithm import Algorithm
from client.answer import verify_response
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.note import VerifierKey
from client.profile import (
    OPTIONAL_FIELDS,
    SIGNED_FIELDS,
    request_base,
    request_form,
    signature_base,
    sm3_digest,
)
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
from security.registry import Caller, RegisteredKey, Registry
from security.signature import ReceivedRequest, read_request, sign_response, verify_request

NOW = 1_780_000_000.5
URI = "http://127.0.0.1:8000/graphql"
BODY = b'{"query":"{ organisation { name } }"}'
# RFC 9421 B.1.4, test-key-ed25519
SEED = urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")

KEY = SigningKey("shenyang-1", Ed25519PrivateKey.from_private_bytes(SEED))
NODE = SigningKey("benxi-1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
LOG = VerifierKey("xinqiao.benxi/access", NODE.public)
NODE_KEYS = NodeKeys({NODE.key_id: NODE.public_key}, {LOG.name: LOG})
CALLER = Caller("shenyang", "沈阳", "PCITY")
KEYS = {algorithm: SigningKey.generate(f"key-{algorithm}", algorithm) for algorithm in Algorithm}
REGISTRY = Registry.of(
    RegisteredKey(key.key_id, CALLER, key.algorithm, key.public) for key in (KEY, *KEYS.values())
)


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


@given(st.sets(st.sampled_from(OPTIONAL_FIELDS)), st.sampled_from(["GET", "POST"]))
def test_questions_have_the_base_that_rfc9421_2_5_gives(sent: set[str], method: str) -> None:
    fields = {name: f"value of {name}" for name in (*SIGNED_FIELDS, *OPTIONAL_FIELDS)}
    components, names = request_form(method, sent)
    values = {"@method": method, "@target-uri": URI} | fields
    general = signature_base([(f'"{name}"', values[name]) for name in names], ";created=1")
    assert request_base(names, components, ";created=1", method, URI, fields) == general


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


_ODD = st.binary(max_size=60) | st.sampled_from(
    [b"", b" ", b"\t", b"credit=::", b"credit=()", b'%"%e6"', b"x" * 70_000, b'"' * 500, b"(" * 500]
)
_MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "set", "add", "twice", "swap", "cut", "case"]),
        st.sampled_from(sorted(SIGNED_FIELDS)),
        _ODD,
        st.integers(0, 400),
    ),
    min_size=1,
    max_size=4,
)


def meaning(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """What of a question's fields is signed: no spaces around, no label, no field of answers."""
    heard = {name: value.strip(b" \t") for name, value in headers if name != b"credit-receipt"}
    for name in (b"signature", b"signature-input"):
        heard[name] = heard.get(name, b"").partition(b"=")[2]
    return heard


def mutated(headers: list[tuple[bytes, bytes]], mutations: Any) -> list[tuple[bytes, bytes]]:
    for kind, text, odd, at in mutations:
        name = text.encode()
        value = dict(headers).get(name, b"")
        rest = [pair for pair in headers if pair[0] != name]
        match kind:
            case "drop":
                headers = rest
            case "set":
                headers = [*rest, (name, odd)]
            case "add":
                headers = [*headers, (name, odd)]
            case "twice":
                headers = [*headers, (name, value)]
            case "swap":
                headers = [*rest, (name, dict(headers).get(b"signature-input", b""))]
            case "cut":
                headers = [*rest, (name, value[:at] + odd[:3] + value[at + 1 :])]
            case "case":
                headers = [*rest, (name, value.swapcase())]
    return headers


@given(
    st.sampled_from(list(Algorithm)), _MUTATIONS, st.sampled_from(["GET", "POST", "PUT", "post"])
)
def test_no_mutation_of_headers_breaks_the_verifier_or_passes_it(
    algorithm: Algorithm, mutations: Any, method: str
) -> None:
    key = KEYS[algorithm]
    question = sign_request(
        key, "POST", URI, BODY, now=NOW, purpose="P1", case="沈", nonce="n" * 20
    )
    genuine = [(name.encode(), value.encode()) for name, value in question.headers]
    raw = mutated(list(genuine), mutations)
    request = read_request(method, URI, raw, BODY)
    with suppress(SignatureError):
        verified = verify_request(request, REGISTRY, NOW)
        # nothing was changed, but for spaces around a value; or no signature is left
        same = meaning(raw) == meaning(genuine)
        unsigned = not request.is_signed and verified.caller.role == "PUB"
        assert unsigned or (same and method == "POST" and verified.caller == CALLER)
    receipt = Receipt(bytes(32), int(NOW), 2, LOG.name, request.body_digest)
    sign_response(  # a refusal is signed too, whatever was sent
        request, NODE, status=401, content_type="a/b", body=b"", receipt=receipt, now=NOW
    )


def test_other_method_target_or_body_is_refused() -> None:
    headers = signed()
    assert refusal(received(headers, BODY + b" ")) == "DIGEST_MISMATCH"
    assert refusal(received(headers, uri=URI + "?x")) == "SIGNATURE_INVALID"
    assert refusal(received(headers, method="PUT")) == "SIGNATURE_INVALID"


def test_no_identity_number_comes_into_the_log_as_a_purpose() -> None:
    headers = signed(purpose="P210502198801011234")
    assert refusal(received(headers)) == "SIGNATURE_MALFORMED"


def test_a_body_that_no_signature_covers_is_refused() -> None:
    # It would be kept as what was asked, instead of what the address asks.
    for method in ("GET", "HEAD", "DELETE"):
        headers = sign_request(KEY, method, URI, now=NOW).headers
        verify_request(received(headers, b"", method), REGISTRY, NOW)
        told = (*headers, ("content-digest", dict(signed())["content-digest"]))
        for sent in (headers, told):
            assert refusal(received(sent, BODY, method)) == "SIGNATURE_COMPONENTS"


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


@pytest.mark.parametrize("name", [*Algorithm, "hmac-sha256", "none", ""])
def test_a_message_that_names_an_algorithm_is_refused(name: str) -> None:
    value = dict(signed())["signature-input"] + f';alg="{name}"'
    headers = replaced(signed(), "signature-input", value)
    assert refusal(received(headers)) == "ALGORITHM_NOT_ALLOWED"


@pytest.mark.parametrize("algorithm", Algorithm)
def test_each_algorithm_signs_questions(algorithm: Algorithm) -> None:
    question = sign_request(KEYS[algorithm], "POST", URI, BODY, now=NOW, case="沈〔2026〕1号")
    verified = verify_request(received(question.headers), REGISTRY, NOW)
    assert (verified.key_id, verified.case) == (f"key-{algorithm}", "沈〔2026〕1号")


@pytest.mark.parametrize("claimed", Algorithm)
@pytest.mark.parametrize("signing", Algorithm)
def test_algorithm_comes_from_the_registry_only(signing: Algorithm, claimed: Algorithm) -> None:
    """A key registered under another algorithm verifies nothing, nor does another key's id."""
    if signing is claimed:
        return
    confused = RegisteredKey("key", CALLER, claimed, KEYS[signing].public)
    question = sign_request(SigningKey("key", KEYS[signing].private), "POST", URI, BODY, now=NOW)
    expected = {"ALGORITHM_NOT_ALLOWED", "SIGNATURE_INVALID"}
    assert refusal(received(question.headers), Registry.of([confused])) in expected
    stolen = SigningKey(KEYS[claimed].key_id, KEYS[signing].private)
    question = sign_request(stolen, "POST", URI, BODY, now=NOW)
    assert refusal(received(question.headers)) == "SIGNATURE_INVALID"


def test_sm3_digest_beside_sha256_is_checked_too() -> None:
    key = KEYS[Algorithm.SM2_SM3]
    question = sign_request(key, "POST", URI, BODY, now=NOW, sm3=True)
    digest = dict(question.headers)["content-digest"]
    assert digest.endswith(f", sm3={byte_sequence(sm3_digest(BODY))}")
    assert verify_request(received(question.headers), REGISTRY, NOW).key_id == key.key_id
    alone, wrong = digest.partition(", ")[2], digest[:-6] + "AAAA=:"
    for value in (alone, wrong, ", ".join(reversed(digest.split(", "))), digest + ", x=:AA==:"):
        headers = replaced(question.headers, "content-digest", value)
        assert refusal(received(headers)) == "DIGEST_MISMATCH"


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
    keys = NodeKeys({"x": NODE.public_key}, {LOG.name: LOG})
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


# -- structured fields -----------------------------------------------------------------------


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
