"""Keys in a token (SoftHSM): the same signatures, the PIN in a file, clear refusals."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.algorithm import Algorithm
from security.keys import KeyFolder
from security.pkcs11 import TokenError, TokenKey, TokenUri, make_token_key
from tests.security.token import MODULE, SOFTHSM, Token, new_token

pytestmark = pytest.mark.skipif(
    SOFTHSM is None and "XINQIAO_CI" not in os.environ, reason="softhsm2 is not installed"
)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    with pytest.MonkeyPatch.context() as patch:
        made = new_token(tmp_path_factory.mktemp("token"))
        patch.setenv("SOFTHSM2_CONF", str(made.configuration))
        yield made


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256])
def test_a_key_in_a_token_signs_as_one_in_a_file(token: Token, algorithm: Algorithm) -> None:
    uri = TokenUri.parse(token.uri(f"answer-{algorithm}"))
    make_token_key(uri, algorithm)
    key, again = TokenKey(uri, "benxi"), TokenKey(uri, "benxi")
    assert key.key_id == again.key_id
    assert key.algorithm is algorithm
    for data in (b"", b"x" * 5000):
        assert key.public_key.holds(key.sign(data), data)
        assert not again.public_key.holds(key.sign(data), data + b"!")
    with pytest.raises(TokenError, match="TOKEN_KEY"):
        make_token_key(uri, algorithm)


def test_a_session_that_the_token_dropped_is_opened_again(token: Token) -> None:
    uri = TokenUri.parse(token.uri("dropped"))
    make_token_key(uri, Algorithm.ECDSA_P256_SHA256)
    key = TokenKey(uri, "benxi")
    key._private.session.close()
    assert key.public_key.holds(key.sign(b"x"), b"x")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("file:x", "TOKEN_URI"),
        ("pkcs11:token=t?module-path=/x", "TOKEN_URI"),
        ("pkcs11:token=t;object=o", "TOKEN_URI"),
        ("pkcs11:token=t;object=o;type=public?module-path=/x", "TOKEN_URI"),
        ("pkcs11:token=t;object=o?module-path=/x&pin-value=1234", "TOKEN_URI"),
        ("pkcs11:token=t;token=u;object=o?module-path=/x", "TOKEN_URI"),
    ],
)
def test_a_token_is_named_in_full_and_without_its_pin(text: str, code: str) -> None:
    with pytest.raises(TokenError) as refused:
        TokenUri.parse(text)
    assert refused.value.code == code
    assert "1234" not in str(refused.value)


def test_what_is_wrong_with_a_token_is_said_without_the_pin(token: Token, tmp_path: Path) -> None:
    good = token.uri("wrong")
    make_token_key(TokenUri.parse(good), Algorithm.ED25519)
    pin = tmp_path / "pin"
    pin.write_text("87654321\n")
    pin.chmod(0o644)
    for text, code in (
        (good.replace("object=wrong", "object=none"), "TOKEN_KEY"),
        (good.replace("token=xinqiao", "token=other"), "TOKEN_UNAVAILABLE"),
        (good.replace(str(MODULE), "/nowhere.so"), "TOKEN_MODULE"),
        (good.replace(str(token.pin), str(pin)), "TOKEN_PIN_FILE"),
    ):
        with pytest.raises(TokenError) as refused:
            TokenKey(TokenUri.parse(text), "benxi")
        assert refused.value.code == code
        assert "8765" not in str(refused.value)


def test_a_wrong_pin_is_refused(token: Token, tmp_path: Path) -> None:
    # Another process: in this one the token is open already, whoever asks.
    pin = tmp_path / "pin"
    pin.write_text("87654321\n")
    pin.chmod(0o600)
    uri = token.uri("x").replace(str(token.pin), str(pin))
    script = (
        "import sys\nfrom security.pkcs11 import *\n"
        "try:\n    TokenKey(TokenUri.parse(sys.argv[1]), 'benxi')\n"
        "except TokenError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, uri],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.startswith("TOKEN_PIN"), done.stderr
    assert "8765" not in done.stdout + done.stderr


def test_key_files_of_all_algorithms_are_read_again(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    for algorithm in Algorithm:
        made = folder.signing_key("one", f"one-{algorithm}", algorithm)
        again = KeyFolder(tmp_path).signing_key("one", f"one-{algorithm}")
        assert (again.key_id, again.algorithm) == (made.key_id, algorithm)
        assert made.public_key.holds(again.sign(b"x"), b"x")
