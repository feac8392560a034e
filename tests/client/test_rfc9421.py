"""The signature base and its verification by the vectors of RFC 9421, appendix B.2."""

import hmac
from base64 import b64decode, urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from client.algorithm import Algorithm, PublicKey
from client.keys import SigningKey
from client.profile import signature_base

# B.1.4, test-key-ed25519
KEY = SigningKey(
    "test-key-ed25519",
    Ed25519PrivateKey.from_private_bytes(
        urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
    ),
)
PUBLIC = urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")

# B.2: the test request, its fields, and those of the test response
CONTENT_DIGEST = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX"
    "+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
)
FIELDS = {
    '"date"': "Tue, 20 Apr 2021 02:07:55 GMT",
    '"@method"': "POST",
    '"@path"': "/foo",
    '"@query"': "?param=Value&Pet=dog",
    '"@query-param";name="Pet"': "dog",
    '"@authority"': "example.com",
    '"content-type"': "application/json",
    '"content-digest"': CONTENT_DIGEST,
    '"content-length"': "18",
}
# B.1.2, test-key-rsa-pss
RSA = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
"""
B22 = b64decode(
    "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8U"
    "CMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8N"
    "V7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs"
    "0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw=="
)
B23 = b64decode(
    "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2vo"
    "Tp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzN"
    "BXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBro"
    "hr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA=="
)
POINT = (
    b"\x04"
    + b64decode("qIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivA=")
    + b64decode("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0=")
)  # B.1.3, test-key-ecc-p256
B24 = b64decode(
    "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
)
RESPONSE = {
    '"@status"': "200",
    '"content-type"': "application/json",
    '"content-digest"': (
        "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ4"
        "1QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
    ),
    '"content-length"': "23",
}
B25_SECRET = b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
B25 = b64decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")
B26 = b64decode(
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)


def base_of(names: str, parameters: str) -> bytes:
    covered = [name if '"' in name else f'"{name}"' for name in names.split()]
    fields = [(name, FIELDS[name]) for name in covered]
    return signature_base(fields, f";created=1618884473;{parameters}")


@pytest.mark.parametrize(
    ("names", "parameters", "signature"),
    [
        (
            '@authority content-digest "@query-param";name="Pet"',
            'keyid="test-key-rsa-pss";tag="header-example"',
            B22,
        ),
        (
            "date @method @path @query @authority content-type content-digest content-length",
            'keyid="test-key-rsa-pss"',
            B23,
        ),
    ],
)
def test_rfc9421_b22_and_b23_bases(names: str, parameters: str, signature: bytes) -> None:
    rsa: Any = load_pem_public_key(RSA)
    pss = PSS(mgf=MGF1(SHA512()), salt_length=64)
    rsa.verify(signature, base_of(names, parameters), pss, SHA512())


def test_rfc9421_b24_ecdsa_signature() -> None:
    base = signature_base(RESPONSE.items(), ';created=1618884473;keyid="test-key-ecc-p256"')
    assert PublicKey(Algorithm.ECDSA_P256_SHA256, POINT).holds(B24, base)


def test_rfc9421_b25_base() -> None:
    base = base_of("date @authority content-type", 'keyid="test-shared-secret"')
    assert hmac.digest(B25_SECRET, base, "sha256") == B25


def test_rfc9421_b26_ed25519_signature() -> None:
    names = "date @method @path @authority content-type content-length"
    assert KEY.public == PUBLIC
    assert KEY.sign(base_of(names, 'keyid="test-key-ed25519"')) == B26
    assert KEY.public_key.holds(B26, base_of(names, 'keyid="test-key-ed25519"'))
