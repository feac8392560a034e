"""What the schema promises to clients and gateways: presets of graphql-eslint, composition,
descriptions, deprecations, and no break of what was released."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    get_named_type,
    is_introspection_type,
    is_list_type,
    is_object_type,
    is_specified_scalar_type,
)
from graphql.type import get_nullable_type

from schema.definition import CreditSchema
from schema.federation import federated
from schema.print import FILE, RELEASED, printed
from schema.records import kinds
from tests.programs import node_path, npm_folder

OUTSIDE = Path(__file__).parent / "outside"
_CHINESE_FIRST = re.compile("[\u4e00-\u9fff]|GraphQL[\u4e00-\u9fff]|JSON[\u4e00-\u9fff]")
_UNTIL = re.compile(r"\buntil 20\d\d-[01]\d-[0-3]\d\b")

PROJECTS = """extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
type Query { projects: [Project!]! }
type Project @key(fields: "no") { no: ID! contractor: Organisation }
type Organisation @key(fields: "uscc") { uscc: USCC projects: [Project!]! }
scalar USCC
"""
FIRMS = """extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
type Query { firms: [Organisation!]! }
type Organisation @key(fields: "uscc") { uscc: USCC }
scalar USCC
"""

SHORT = {
    "Query.investigations": "the caller's own, 200 at most, and its unit's, 500 together",
    "AccessStatistics.accesses": "roles × purposes × outcomes",
    "AccessStatistics.reviews": "rules × states",
    "AccessStatistics.samples": "60 weeks",
    "CatalogRecord.values": "the fields of the item",
    "Catalogue.applications": "the application catalogue, a published document",
    "Catalogue.items": "the kinds",
    "ExposureReport.exposures": "at most 10,000, and says when there are more",
    "Organisation.codes": "the codes of one body, 200 at most",
    "Organisation.formerNames": "the names of one body, 200 at most",
    "Query.coverage": "kinds × sources",
    "Query.gradeMappings": "documents signed by cities",
    "Query.jobs": "of one caller, while their results are kept: `first` of them",
    "Query.batches": "of one unit or of all, newest first: `first` of them",
    "Query.jobReviews": "jobs that wait for a supervisor, as many as a list may have",
    "Query.kinds": "the kinds",
    "Query.lookup": "one for each code, 500 at most",
    "Query.screen": "one for each code, 500 at most",
    "Query.recordDecisions": "what waits for a second steward: `first` of them",
    "Query.schemes": "documents of cities",
    "Query.subjects": "100 at most",
    "Neighbourhood.nodes": "budgeted by `maxNodes`",
    "Neighbourhood.edges": "budgeted by `maxNodes` and `maxFan`",
}
"""Lists of objects that are no connections, with what bounds them. Of a fixed handful (the edges of
a page, the rows of a mapping, the fields of a kind) nothing need be said."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return CreditSchema(kinds()).graphql


@pytest.fixture(scope="module")
def outside() -> Path:
    return npm_folder(OUTSIDE)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *arguments],
        cwd=folder,
        env=node_path(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_presets_of_graphql_eslint_find_nothing_unexplained(outside: Path) -> None:
    done = run(outside, "lint.mjs", str(FILE))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_linter_sees_what_is_wrong(outside: Path, tmp_path: Path) -> None:
    broken = tmp_path / "schema.graphql"
    text = 'type query_info { a: Int }\n"""x"""\ntype Query { bad_name: query_info }\n'
    broken.write_text(text, encoding="utf-8")
    done = run(outside, "lint.mjs", str(broken))
    assert done.returncode == 1
    assert "naming-convention" in done.stdout
    assert "bad_name" in done.stdout


def test_both_composers_take_the_subgraph_beside_another(outside: Path, tmp_path: Path) -> None:
    credit, projects = tmp_path / "credit.graphql", tmp_path / "projects.graphql"
    credit.write_text(federated(printed()), encoding="utf-8")
    projects.write_text(PROJECTS, encoding="utf-8")
    done = run(outside, "compose.mjs", f"credit={credit}", f"projects={projects}")
    assert (done.returncode, done.stderr) == (0, "")
    supergraph = done.stdout
    for key in ("id", "uscc"):
        assert f'@join__type(graph: CREDIT, key: "{key}")' in supergraph
    firms = tmp_path / "firms.graphql"
    firms.write_text(FIRMS, encoding="utf-8")
    broken = PROJECTS.replace("uscc: USCC projects", "uscc: Int projects")
    projects.write_text(broken, encoding="utf-8")
    done = run(outside, "compose.mjs", f"firms={firms}", f"projects={projects}")
    assert done.returncode == 1
    for composer in ("apollo", "guild"):
        assert re.search(f'^{composer}: .*"Organisation.uscc"', done.stderr, re.MULTILINE)


def test_no_size_is_assumed_where_an_argument_has_a_default() -> None:
    """Cosmo's composer refuses it: nothing would be left to assume."""
    wrong = []
    for at, what in coordinates(build_schema(printed())):
        for directive in getattr(what.ast_node, "directives", None) or ():
            if directive.name.value != "listSize":
                continue
            given = {one.name.value: one.value for one in directive.arguments}
            slicing = [one.value for one in getattr(given.get("slicingArguments"), "values", ())]
            if "assumedSize" in given and any(
                what.args[name].ast_node.default_value for name in slicing
            ):
                wrong.append(at)
    assert wrong == []


def coordinates(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Everything that can be described, by its coordinate."""
    for name, type_ in schema.type_map.items():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        yield name, type_
        if isinstance(type_, GraphQLEnumType):
            for value_name, value in type_.values.items():
                yield f"{name}.{value_name}", value
        for field_name, field in getattr(type_, "fields", {}).items():
            yield f"{name}.{field_name}", field
            for argument_name, argument in getattr(field, "args", {}).items():
                yield f"{name}.{field_name}({argument_name}:)", argument


def test_every_description_has_the_chinese_term_first(schema: GraphQLSchema) -> None:
    wrong = [
        at for at, what in coordinates(schema) if not _CHINESE_FIRST.match(what.description or "")
    ]
    assert wrong == []


def test_what_is_deprecated_says_until_when(schema: GraphQLSchema) -> None:
    wrong = [
        at
        for at, what in coordinates(schema)
        if getattr(what, "deprecation_reason", None) is not None
        and not _UNTIL.search(what.deprecation_reason)
    ]
    assert wrong == []


def test_scalars_say_where_they_are_specified(schema: GraphQLSchema) -> None:
    missing = [
        name
        for name, type_ in schema.type_map.items()
        if type_.__class__.__name__ == "GraphQLScalarType"
        and not is_specified_scalar_type(type_)
        and not type_.specified_by_url  # type: ignore[attr-defined]
    ]
    assert missing == []


def test_long_lists_are_connections(schema: GraphQLSchema) -> None:
    """A list of objects on the root or on an entity is a connection, or says what bounds it."""
    unbounded = []
    found = set()
    for name, type_ in schema.type_map.items():
        if not is_object_type(type_) or is_introspection_type(type_):
            continue
        roots = name == "Query" or any(one.name == "Node" for one in type_.interfaces)
        for field_name, field in type_.fields.items():
            at = f"{name}.{field_name}"
            if not is_list_type(get_nullable_type(field.type)) or field_name.startswith("_"):
                continue
            if at in SHORT:
                found.add(at)
            elif roots and getattr(get_named_type(field.type), "fields", None):
                unbounded.append(at)
    assert unbounded == []
    assert found == set(SHORT)


def test_nothing_that_was_released_is_broken_and_a_break_would_be_seen() -> None:
    old, new = RELEASED.read_text(encoding="utf-8"), printed()
    released = build_schema(old, assume_valid=True)
    changes = find_breaking_changes(released, build_schema(new))
    assert [change.description for change in changes] == []
    broken = new.replace("  receivedAt: DateTime\n", "  arrivedAt: DateTime\n")
    assert find_breaking_changes(released, build_schema(broken, assume_valid=True))
