"""No log and no table has a plain identity number, wherever a question says one (access rules §8);
grants, approvals and cases stand in the access log and name nobody.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import asyncpg
import httpx
import pytest

from client.question import sign_request
from security.tlog.reader import TileReader
from service.demo import MARKET_REGULATION
from service.enrolment import identity_key
from service.home import NodeHome
from service.postgres import PostgresServer
from tests.service.cities import Cities
from tests.store.test_intake import number

pytestmark = pytest.mark.timeout(400)

_TABLES = """
SELECT c.relname FROM pg_class c
 WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""


def entries(cities: Cities, log: str = "access") -> list[bytes]:
    """Every sealed entry, read from the bundles as a verifier does."""
    reader = TileReader(NodeHome(cities.root, "benxi").log / log)
    size = int((reader.checkpoint() or b"\n0\n").split(b"\n")[1])
    bundles = range(-(-size // 256))
    return [entry for bundle in bundles for entry in reader.entries(bundle, size)]


def events(cities: Cities, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(entry) for entry in entries(cities)]
    return [one["detail"] for one in found if one["kind"] == kind]


def test_each_act_of_a_grant_an_approval_and_a_case_is_in_the_log_and_names_nobody(
    cities: Cities,
) -> None:
    person, matter = cities.golden["self_person"], "本市监〔2026〕905号"
    case = (f"--number={matter}", f"--unit={MARKET_REGULATION}")
    status, _ = cities.xinqiao_text(
        "case", "open", *case, "--purpose=P2", f"--subject={person}", f"--by=李科员{person}"
    )
    assert status == 0
    assert cities.xinqiao_text("case", "close", *case)[0] == 0
    _, granted = cities.xinqiao(
        "authorisation", "grant", "--as=citizen", "--to=bank", "--kinds=penalty"
    )
    assert cities.xinqiao_text("authorisation", "revoke", granted["id"], "--as=citizen")[0] == 0
    _, asked = cities.xinqiao(
        "approval", "request", "--as=analyst", "--case=核〔2026〕905号", f"--subject={person}",
        f"--reason=核查{person}", "--document=-", f'--variables={{"c": "{person}"}}',
        text="query($c: String!) { organisation(code: $c) { name } }",
    )  # fmt: skip
    decided = ("approval", "refuse", asked["id"], "--as=supervisor", f"--note=不同意{person}")
    assert cities.xinqiao_text(*decided)[0] == 0

    def acts(kind: str, name: str, value: str) -> list[str]:
        return [one["act"] for one in events(cities, kind) if one.get(name) == value]

    wanted = {
        ("CASE", "case", matter): ["OPENED", "CLOSED"],
        ("AUTHORISATION", "id", granted["id"]): ["GRANTED", "REVOKED"],
        ("APPROVAL", "id", asked["id"]): ["REQUESTED", "REFUSED"],
    }
    cities.wait_for(lambda: all(acts(*which) == told for which, told in wanted.items()))
    people = {person, *_names(cities, person)}
    for kind in ("CASE", "AUTHORISATION", "APPROVAL"):
        told = json.dumps(events(cities, kind), ensure_ascii=False)
        assert not any(one in told for one in people), kind


def _names(cities: Cities, person: str) -> list[str]:
    with cities.client(identity="citizen") as client:
        found = client.query("{ subjects { name } }", purpose="P10").require().data
    return [one["name"] for one in found["subjects"]]


def test_a_number_said_anywhere_in_a_question_is_plain_in_no_log_and_no_table(
    cities: Cities,
) -> None:
    said = [number(901 + at, "19991231") for at in range(8)]
    case, actor, correlation, variable, alias, document, unsigned, nonce = said
    text = f"query($c: String!) {{ a{alias}: organisation(code: $c) {{ name }} }} # {document}"
    with cities.client(identity="department") as client:
        answer = client.query(
            text, {"c": variable}, purpose="P2", case=f"案{case}号", actor=f"李科员 {actor}",
            correlation=f"flow-{correlation}",
        )  # fmt: skip
        assert answer.problem is None
        assert answer.receipt is not None
        leaf = answer.receipt.leaf
    with cities.client() as client:
        client.query(f'{{ organisation(code: "{unsigned}") {{ name }} }}')
    question = sign_request(
        identity_key(cities.root, "steward"), "POST", f"{cities.url('benxi')}/graphql",
        body := b'{"query": "{ regions { name } }"}', now=time.time(), purpose="P13", nonce=nonce,
    )  # fmt: skip
    with httpx.Client(trust_env=False) as http:
        refused = http.post(question.target_uri, content=body, headers=list(question.headers))
    assert refused.json()["errors"][0]["extensions"]["code"] == "SIGNATURE_COMPONENTS"
    for broken in (f"{{ {unsigned} }}", f'{{ nosuch(x: "{unsigned}") }}'):
        with cities.client(identity="steward") as client:
            client.query(broken, {"x": variable}, purpose="P13", case=f"案{case}号")
    reader = TileReader(NodeHome(cities.root, "benxi").log / "access")

    def sealed() -> bool:
        size = int((reader.checkpoint() or b"\n0\n").split(b"\n")[1])
        return reader.find(leaf, size) is not None

    cities.wait_for(sealed)
    everything = b"\n".join(entries(cities))
    assert b"[id]" in everything, "nothing was cut out: this proves nothing"
    found = {one for one in said if one.encode() in everything}
    home = NodeHome(cities.root, "benxi")
    postgres = [*home.path.rglob("session-*")]  # what PostgreSQL writes down of sessions
    assert postgres
    for path in (*home.logs.rglob("*"), *postgres, cities.root / "run.out"):
        if path.is_file():
            content = path.read_bytes()
            found |= {f"{path.name}: {one}" for one in said if one.encode() in content}
    found |= asyncio.run(_in_tables(NodeHome(cities.root, "benxi"), said))
    assert not found


async def _in_tables(home: NodeHome, said: list[str]) -> set[str]:
    """Where a table has one of the texts, plain or as the hexadecimal of its bytes."""
    connection = await asyncpg.connect(PostgresServer(home).dsn)
    told = [*said, *(one.encode().hex() for one in said)]
    try:
        return {
            row["relname"]
            for row in await connection.fetch(_TABLES)
            if await connection.fetchval(
                f'SELECT EXISTS (SELECT FROM "{row["relname"]}" t'
                " WHERE t::text LIKE ANY (SELECT '%' || x || '%' FROM unnest($1::text[]) x))",
                told,
            )
        }
    finally:
        await connection.close()


def test_the_scan_finds_a_plain_number(cities: Cities) -> None:
    """What the test above rests on: a number that a table does have is found there."""
    uscc = cities.golden["self_firm"]
    assert "identifier" in asyncio.run(_in_tables(NodeHome(cities.root, "benxi"), [uscc]))
