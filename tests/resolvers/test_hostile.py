"""Hostile documents: whatever is sent is answered or refused with a code, in bounded time.

The bound on time only tells a hang from work: the dearest document found takes a tenth of a second.
"""

# ruff: noqa: E501 - questions stay on one line.

from __future__ import annotations

import resource
import time
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds

_SECONDS = 30.0  # of the process's CPU: a thousand times what the dearest document needs
_MEGABYTES = 300  # that reading all of them may add
_CODES = {
    "ALIAS_LIMIT",
    "DEPTH_LIMIT",
    "DIRECTIVE_LIMIT",
    "DOCUMENT_TOO_LARGE",
    "FIELD_LIMIT",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "OPERATION_NAME_REQUIRED",
    "REPEAT_LIMIT",
    "ROOT_LIMIT",
    "TOKEN_LIMIT",
}

_TYPES = ["Query", "Organisation", "Record", "Party", "Penalty", "OrganisationConnection", "Nobody"]
_NAMES = st.sampled_from(
    ["organisation", "organisations", "records", "nodes", "holders", "subject", "name", "id", "x"]
)
_META = st.sampled_from(["__typename", "__schema", "types", "fields", "type", "ofType"])
_VALUES = st.one_of(
    st.integers().map(str),
    st.sampled_from(["9" * 9_000, "1e" + "9" * 5_000, "-0", "0x1", "1.e", "$v", "$", "null", "{}"]),
    st.text(max_size=40).map(lambda text: f'"{text}"'),
    st.sampled_from(['"\\u{10FFFF}"', '"\\uD800"', '"""' + "\n x" * 3_000 + '"""', '"' + "字" * 9_000 + '"']),
    st.integers(1, 700).map(lambda n: "[" * n + "1" + "]" * n),
    st.integers(1, 400).map(lambda n: "{a:" * n + "1" + "}" * n),
)  # fmt: skip


@st.composite
def _fields(draw: st.DrawFn, depth: int = 0) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.one_of(_NAMES, _META))
        if draw(st.booleans()):
            part = f"a{draw(st.integers(0, 3))}: {part}"
        if draw(st.integers(0, 3)) == 0:
            part += f"(first: {draw(_VALUES)})"
        part += " @skip(if: false)" * draw(st.sampled_from([0, 0, 0, 1, 5]))
        if depth < 5 and draw(st.booleans()):
            part += f" {{ {draw(_fields(depth + 1))} }}"
        if draw(st.integers(0, 4)) == 0:
            part = f"...F{draw(st.integers(0, 5))}"
        parts.append(part * draw(st.sampled_from([1, 1, 1, 30]) if depth == 5 else st.just(1)))
    return " ".join(parts)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    """Operations and fragments that repeat, nest and spread each other in every way."""
    copies = draw(st.sampled_from([1, 1, 2, 20, 120]))
    parts = ["{ " + " ".join([draw(_fields())] * copies) + " }"]
    for number in range(draw(st.integers(0, 6))):
        on = draw(st.sampled_from(_TYPES))
        parts.append(f"fragment F{number} on {on} {{ {draw(_fields())} }}")
    return " ".join(parts)


@st.composite
def _families(draw: st.DrawFn) -> str:
    """Known forms of attack at any size."""
    n = draw(st.sampled_from([1, 10, 60, 100, 400, 650, 3_000]))
    chain = " ".join(
        f"fragment F{i} on Organisation {{ holders {{ nodes {{ ...F{i + 1} }} }}"
        f" a: holders {{ nodes {{ ...F{i + 1} ...F{i + 1} }} }} }}"
        for i in range(min(n, 60))
    )
    spreads = " ".join(f"...F{i}" for i in range(n))
    return draw(
        st.sampled_from(
            [
                "{" + "a{" * n + "b" + "}" * n + "}",
                "{" + "...{" * n + "__typename" + "}" * n + "}",
                "{" + "__typename " * n + "}",
                "{" + "organisations{nodes{name name}} " * n + "}",
                "{" + " ".join(f"a{i}: __typename" for i in range(n)) + "}",
                "{" + " ".join(f"organisations(first:{i}){{totalCount}}" for i in range(n)) + "}",
                "{ organisation(code: 1) { ...F0 } } " + chain,
                "{" + spreads + "}" + " ".join(f"fragment F{i} on Query {{ {spreads} }}" for i in range(min(n, 30))),
                "query(" + " ".join(f"$v{i}: Int" for i in range(n)) + ") { __typename }",
                " ".join(f"query Q{i} {{ __typename }}" for i in range(n)),
                "{ __schema { types { fields { type {" + " ofType {" * n + " name" + "}" * n + "}}}}}",
                "{ records(filter: { kinds: [" + '"a" ' * n + "] }) { totalCount } }",
                "{ __typename " + "@skip(if: false) " * n + "}",
                "{ " + " ".join(f"...{{ ...F{i} }}" for i in range(n)) + " }",
                "#" * 20 * n + "\n{ __typename }",
                "{" * n,
                "\ufeff{ __typename }\x00" * n,
            ]
        )
    )  # fmt: skip


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(document=st.one_of(_documents(), _families(), st.text(max_size=200)))
@example("{ " + "a { b " * 300 + "}" * 300 + " }")
@example("{ organisation }")
def test_any_document_is_read_or_refused_in_bounded_time_and_memory(
    credit: CreditSchema, scope_of: Any, document: str
) -> None:
    operations = Operations(credit, size=4)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    plan: Any = operations.prepare(document, None, scope_of("PUB"))
    assert time.process_time() - began < _SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < _MEGABYTES * 1024
    codes = {error["extensions"]["code"] for error in getattr(plan, "errors", [])}
    assert codes <= _CODES, codes
    assert "Did you mean" not in str(getattr(plan, "errors", ""))


async def test_the_dearest_documents_that_are_accepted_are_answered_in_bounded_time(
    ask: Any,
) -> None:
    """What the limits let through: its statement is compiled, planned and run."""
    each = " ".join(
        f"... on {kind.type_name} {{ id documentNo issuerName subject {{ name }} }}"
        for kind in kinds()
    )
    for document in (
        "{ records { nodes { " + each + " } } }",
        "{ " + " ".join(f'a{i}: organisation(code: "{i}") {{ name uscc }}' for i in range(60)) + " }",
        "{ organisations(first: 60) { nodes { holders { nodes { name } } licences { nodes { id } } } } }",
        '{ organisation(code: "x") {' + " holders { nodes { ... on Organisation {" * 3 + " name" + " } } }" * 3 + " } }",
    ):  # fmt: skip
        began = time.process_time()
        asked = await ask(document)
        assert time.process_time() - began < _SECONDS
        assert set(asked.codes) <= {"COST_LIMIT"}, (document, asked.errors)
