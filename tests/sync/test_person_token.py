"""X08: persons are matched across cities only by the agreement's keyed token."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.intake.party import NUMBER_CONTEXT
from store.record import RecordStatement
from store.statement import Document, Party
from sync.person_token import MatchKey, TokenError, keep_tokens

from .conftest import City, penalty

KEY = MatchKey("agreement-1", bytes(range(32)))
NUMBERS = st.from_regex(
    r"210[15]90(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])\d{3}[0-9X]", fullmatch=True
)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def test_the_token_is_hmac_sha_256_and_a_proof_of_the_key() -> None:
    number = "210590199001010016"
    told = hmac.digest(KEY.secret, b"xinqiao person match v1\0" + number.encode(), "sha256")
    proof = hmac.digest(KEY.secret, b"xinqiao person match proof v1\0" + told, "sha256")[:8]
    assert KEY.token(number) == f"xqm1.{_text(told)}.{_text(proof)}"
    assert KEY.read(KEY.token(number)) == told


@given(NUMBERS, NUMBERS)
def test_equal_numbers_have_equal_tokens_and_no_others(one: str, other: str) -> None:
    assert (KEY.token(one) == KEY.token(other)) is (one == other)


@given(NUMBERS, st.binary(min_size=32, max_size=32).filter(lambda secret: secret != KEY.secret))
def test_a_token_of_another_key_is_refused(number: str, secret: bytes) -> None:
    with pytest.raises(TokenError) as caught:
        KEY.read(MatchKey("agreement-1", secret).token(number))
    assert caught.value.code == "TOKEN_NOT_KEYED"


@pytest.mark.parametrize(
    "text",
    [
        "王伟",
        "210590199001010016",
        sha256(b"210590199001010016").hexdigest(),
        _text(sha256(b"210590199001010016").digest()),
        "",
        "xqm1..",
        "xqm1." + "A" * 43,
        "xqm2." + "A" * 43 + "." + "A" * 11,
        KEY.token("210590199001010016") + "\n",
    ],
)
def test_names_numbers_and_plain_hashes_are_refused(text: str) -> None:
    with pytest.raises(TokenError) as caught:
        KEY.read(text)
    assert caught.value.code == "TOKEN_MALFORMED"
    assert "2105901990" not in caught.value.message


def test_a_token_has_one_spelling() -> None:
    token = KEY.token("210590199001010016")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in set(letters) - {token[-1]}:
        with pytest.raises(TokenError):
            KEY.read(token[:-1] + letter)


def test_a_plain_hash_in_the_form_of_a_token_is_refused() -> None:
    digest = _text(sha256(b"210590199001010016").digest())
    with pytest.raises(TokenError) as caught:
        KEY.read(f"xqm1.{digest}.{'A' * 11}")
    assert caught.value.code == "TOKEN_NOT_KEYED"


def _about(city: City, serial: int, document: str = "IDENTITY_CARD") -> RecordStatement:
    number = f"2105901990010100{serial:02d}"
    told = number if document == "IDENTITY_CARD" else f"{document}:{number}"
    index = city.cipher.blind_index("person_number", told)
    party = Party(
        "NATURAL_PERSON",
        f"演示{serial}",
        (("person_number", index),),
        Document(document, city.cipher.encrypt(number, NUMBER_CONTEXT), 1990, "MALE"),
    )
    return replace(penalty(serial), party=party, visibility="G", display_from=None)


async def _tokens(connection: Any) -> set[bytes]:
    rows = await connection.fetch("SELECT token FROM person_token")
    return {bytes(row["token"]) for row in rows}


async def test_everybody_with_a_number_gets_a_token_old_and_new(benxi: City) -> None:
    await benxi.say(*(_about(benxi, serial) for serial in range(10, 13)), penalty(50))
    async with benxi.pool.acquire() as connection:
        while await keep_tokens(connection, KEY, benxi.cipher, NUMBER_CONTEXT):
            pass
        wanted = {KEY.digest(f"2105901990010100{serial}") for serial in range(10, 13)}
        assert await _tokens(connection) == wanted
        await benxi.say(_about(benxi, 13, "PASSPORT"))
        assert not await keep_tokens(connection, KEY, benxi.cipher, NUMBER_CONTEXT)
        wanted.add(KEY.digest("210590199001010013", "PASSPORT"))
        assert await _tokens(connection) == wanted
        assert not await keep_tokens(connection, KEY, benxi.cipher, NUMBER_CONTEXT)
        other = MatchKey("agreement-2", b"x" * 32)
        while await keep_tokens(connection, other, benxi.cipher, NUMBER_CONTEXT):
            pass
        assert len(await _tokens(connection)) == 8
