"""What was asked for and not found is known again by the after-review, however it was written."""

from __future__ import annotations

import pytest

from service.pipeline import missing_under

KEY = ("m1", b"k" * 32)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("91210500xd00000011", "91210500XD00000011"),
        (" 91210500-XD 00000011", "91210500XD00000011"),
        ("\uff19\uff11210500XD00000011", "91210500XD00000011"),
        ("USCC\uff1a91210500xd00000011", "uscc:91210500XD00000011"),
    ],
)
def test_a_barred_code_is_the_same_in_other_spellings(written: str, stored: str) -> None:
    assert missing_under(KEY, written) == missing_under(KEY, stored)


@pytest.mark.parametrize("text", ["", "\ud800", "\x00", "x" * 300, "UGVyc29uOjI3OQ=="])
def test_what_is_no_code_is_named_as_it_is(text: str) -> None:
    assert missing_under(KEY, text) != missing_under(KEY, f"{text}1")
