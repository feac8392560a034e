"""Receipts on disk hold a node to its answers later."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.connection import Client
from client.receipt_store import ReceiptStore
from tests.client.fake_node import KEY, NODE_KEYS, NOW, URL, FakeNode


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
