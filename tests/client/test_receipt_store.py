"""Receipts on disk hold a node to its answers later."""

from __future__ import annotations

import sqlite3
import stat
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.connection import Client
from client.errors import ClientError
from client.keys import NodeKeys
from client.receipt_store import NotKeptError, ReceiptStore
from tests.client.fake_node import KEY, NODE_KEYS, NOW, SIGNER, URL, FakeNode


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path / "log")


def client(node: Any, receipts: ReceiptStore) -> Client:
    ticks = iter(range(100_000))
    http = httpx.Client(transport=httpx.MockTransport(node))
    clock = lambda: NOW + next(ticks) * 0.1  # noqa: E731
    return Client(
        URL, KEY, NODE_KEYS, http=http, receipts=receipts, clock=clock, sleep=lambda _: None
    )


@pytest.fixture(autouse=True)
def at_the_time_of_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.receipt_store.time.time", lambda: NOW)


def test_answers_are_kept_and_proven_later(node: FakeNode, tmp_path: Path) -> None:
    path = tmp_path / "receipts.db"
    with ReceiptStore(path) as receipts:
        asking = client(node, receipts)
        answer = asking.query("{ me }", purpose="P1", case="沈〔2026〕1").require()
        assert (len(receipts), receipts.unproven()) == (1, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with ReceiptStore(path) as receipts:
        (found,) = receipts.check(client(node, receipts))
        assert (found.problem, found.index, found.size) == (None, 1, 3)
        assert receipts.unproven() == 0
        assert list(receipts.check(client(node, receipts))) == []
        (again,) = receipts.check(client(node, receipts), again=True)
        assert again.problem is None
        (kept,) = receipts
        assert answer.receipt is not None
        assert kept.receipt == answer.receipt
        assert kept.body == answer.reply.body  # type: ignore[union-attr]


def test_a_log_that_lost_the_entry_is_found_out(node: FakeNode, tmp_path: Path) -> None:
    with ReceiptStore(tmp_path / "receipts.db") as receipts:
        asking = client(node, receipts)
        asking.query("{ me }", purpose="P1")
        list(receipts.check(asking))
        node.lose = True
        (found,) = receipts.check(asking, again=True, patience=0.2)
        assert found.problem == "RECEIPT_BROKEN"


def test_a_log_with_another_past_is_found_out(node: FakeNode, tmp_path: Path) -> None:
    with ReceiptStore(tmp_path / "receipts.db") as receipts:
        asking = client(node, receipts)
        asking.query("{ me }", purpose="P1")
        list(receipts.check(asking))
        node.rewrite(tmp_path / "other")
        (found,) = receipts.check(asking, again=True, patience=0.2)
        assert found.problem == "PROOF_INVALID"


def test_what_does_not_verify_is_not_kept(node: FakeNode, tmp_path: Path) -> None:
    node.tamper = b" "
    with ReceiptStore(tmp_path / "receipts.db") as receipts:
        client(node, receipts).query("{ me }", purpose="P1")
        assert len(receipts) == 0


def test_nothing_that_was_kept_can_be_changed(node: FakeNode, tmp_path: Path) -> None:
    path = tmp_path / "receipts.db"
    with ReceiptStore(path) as receipts:
        client(node, receipts).query("{ me }", purpose="P1")
    file = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        file.execute("UPDATE kept SET answer_body = x'00'")
    file.execute("DROP TRIGGER kept_stays")
    file.execute("UPDATE kept SET answer_body = x'00'")
    file.commit()
    file.close()
    with ReceiptStore(path) as receipts:  # whoever changes the file all the same is found out
        (found,) = receipts.check(client(node, receipts))
        assert found.problem == "ANSWER_DIGEST_MISMATCH"


def test_another_nodes_log_is_not_asked_for_what_this_one_promised(
    node: FakeNode, tmp_path: Path
) -> None:
    other = NodeKeys({}, {"xinqiao.shenyang/access": NODE_KEYS.logs[SIGNER.name]})
    with ReceiptStore(tmp_path / "receipts.db") as receipts:
        client(node, receipts).query("{ me }", purpose="P1")
        http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(404)))
        elsewhere = Client("http://shenyang.test", KEY, other, http=http, sleep=lambda _: None)
        assert list(receipts.check(elsewhere, patience=0)) == []
        assert receipts.unproven() == 1
        (found,) = receipts.check(client(node, receipts))
        assert found.problem is None


def test_an_answer_that_cannot_be_kept_is_not_lost(node: FakeNode, tmp_path: Path) -> None:
    with ReceiptStore(tmp_path / "receipts.db") as receipts:
        receipts._file.execute("PRAGMA max_page_count = 1")  # as on a full disk
        with pytest.raises(NotKeptError, match="RECEIPT_STORE") as full:
            client(node, receipts).query("{ me }" + " " * 9000, purpose="P1")
        assert full.value.answer.require().data["caller"] == "shenyang"
    for unusable in (tmp_path, tmp_path / "none" / "receipts.db", Path(__file__)):
        with pytest.raises(ClientError, match="RECEIPT_STORE"):
            ReceiptStore(unusable)
    with pytest.raises(ClientError, match="RECEIPT_STORE"):
        len(receipts)  # closed


def test_receipts_are_kept_from_any_thread_by_the_clients_clock(
    node: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.receipt_store.time.time", lambda: 0.0)
    with ReceiptStore(tmp_path / "receipts.db") as receipts, ThreadPoolExecutor(1) as pool:
        asking = client(node, receipts)
        pool.submit(asking.query, "{ me }", purpose="P1").result()
        (found,) = receipts.check(asking)
        assert found.problem is None


@pytest.mark.parametrize("column", ["receipt", "question", "answer", "node_keys"])
def test_a_changed_file_ends_no_check(node: FakeNode, tmp_path: Path, column: str) -> None:
    path = tmp_path / "receipts.db"
    with ReceiptStore(path) as receipts:
        asking = client(node, receipts)
        asking.query("{ me }", purpose="P1", case="1")
        with sqlite3.connect(path) as file:
            file.execute("DROP TRIGGER kept_stays")
            file.execute(f"UPDATE kept SET {column} = '[1'")
        asking.query("{ me }", purpose="P1", case="2")
        node.asked = 1
        assert len([one for one in receipts.check(asking) if one.problem is None]) == 1
        assert receipts.unproven() == 1


def test_many_receipts_are_read_one_by_one(node: FakeNode, tmp_path: Path) -> None:
    with ReceiptStore(tmp_path / "receipts.db") as receipts:
        client(node, receipts).query("{ me }", purpose="P1")
        with sqlite3.connect(tmp_path / "receipts.db") as file:
            file.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
                " INSERT INTO kept SELECT randomblob(32), at, log, receipt, question,"
                " question_body, answer, zeroblob(200000), node_keys FROM kept, n"
            )
        tracemalloc.start()
        assert sum(1 for _ in receipts) == 61
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert held < 2_000_000
