"""Which media type an answer has: what its asker accepts, by weight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.media import GRAPHQL_RESPONSE, JSON, media_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;charset=utf-8", GRAPHQL_RESPONSE),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE),
        ("application/json;q=0.9, application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/graphql-response+json, application/json", GRAPHQL_RESPONSE),
        ("application/json, application/graphql-response+json", JSON),
        ("application/graphql-response+json, */*", GRAPHQL_RESPONSE),
        ("application/json;q=0, */*", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0, */*;q=0.1", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("APPLICATION/GRAPHQL-RESPONSE+JSON ; Q=1.0", GRAPHQL_RESPONSE),
        ("text/html", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("application/json;q=nan", None),
        ("application/json;q=2", None),
        ("application/graphql+json", None),
        (",;,", None),
    ],
)
def test_the_type_wanted_most_is_given(accept: str, expected: str | None) -> None:
    assert media_type(accept.encode()) == expected


@given(st.binary(max_size=200))
def test_any_bytes_give_one_of_the_types_or_none(accept: bytes) -> None:
    assert media_type(accept) in (JSON, GRAPHQL_RESPONSE, None)
