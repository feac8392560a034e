"""Both demo cities on this machine: started, filled, asked, served until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from rich.console import Console

from service.demo import BENXI, CITIES, SHENYANG, is_demo
from service.demonstration import CASE, QUESTION, demonstrate, show
from service.enrolled import bind_demo
from service.enrolment import EnrolmentError, establish
from service.home import NodeHome, open_folder
from service.intake import import_into
from service.process import endings
from service.settings import Settings, SettingsError, load_settings
from service.supervisor import NodeFailed, NodeProcess, start_node
from service.world import write_world
from store.errors import StoreError

SEED = 20201022
_READY = 3600.0  # seconds: a later release may have millions of rows to change first
_SETTLED = 120.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Choice:
    """What to run: the world's size and seed, and whether to end after the demonstration."""

    size: str = "S"
    seed: int = SEED
    once: bool = False


async def run(root: Path, choice: Choice, out: Console) -> int:
    """Run the demo; the exit status: 0 when everything verified, 1 when something did not."""
    began = time.monotonic()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in endings():
        loop.add_signal_handler(name, stopped.set)
    if not is_demo(root):
        raise EnrolmentError(
            "HOME_NOT_DEMO",
            "this home holds nodes that are not the demo's: serve them with `xinqiao serve`, or"
            " name another folder in XINQIAO_HOME",
        )
    establish(root)
    settings = [load_settings(NodeHome(root, city.node)) for city in CITIES]
    _refuse_shared_servers(settings)
    nodes: list[NodeProcess] = []
    try:
        with out.status("启动两个节点 starting two nodes: Benxi, Shenyang"):
            nodes.extend([await start_node(root, one) for one in settings])
            await _unless_stopped(stopped, *(node.wait_ready(_READY) for node in nodes))
        with out.status("装载演示数据 loading the demo world"):
            golden = await asyncio.to_thread(_world, root, choice)
            code = str(golden["demo"]["uscc"])
            for city in CITIES:
                feeds = _folder(root, choice) / "feeds" / city.node
                reports = open_folder(NodeHome(root, city.node).path / "reports", 0o700)
                work = import_into(root, city.node, [feeds], report_dir=reports)
                summary = (await _unless_stopped(stopped, work))[0]
                for failure in summary.failures:
                    raise StoreError(failure.code, f"{failure.path.name}: {failure.message}")
                out.print(
                    f"{city.label} {city.node}: {summary.lines:,} 行 lines, "
                    f"{summary.accepted:,} 接收 accepted, {summary.with_findings:,} 有问题 with"
                    f" findings, {summary.rejected:,} 退回 rejected"
                )
                await bind_demo(root, city.node, golden)
        with out.status("等待图谱与镜像 waiting for graph and mirror"):
            await _unless_stopped(stopped, _settle(settings))
        shown = await asyncio.to_thread(demonstrate, root, settings[0], code)
        show(shown, code, out)
        out.print(f"用时 took {time.monotonic() - began:.0f} s")
        if choice.once:
            return 0 if shown.held else 1
        _show_next(root, code, settings, out)
        await _until_stopped(stopped, nodes)
        return 0 if shown.held else 1
    except _Stopped:
        return 130
    finally:
        with out.status("停止 stopping"):
            await asyncio.gather(*(node.stop() for node in nodes))


class _Stopped(Exception):
    """SIGINT or SIGTERM came."""


async def _unless_stopped(stopped: asyncio.Event, *work: Awaitable[Result]) -> list[Result]:
    together = asyncio.gather(*work)
    waiting = asyncio.ensure_future(stopped.wait())
    either: set[asyncio.Future[Any]] = {together, waiting}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if together.done():
        waiting.cancel()
        return together.result()
    together.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await together
    raise _Stopped


async def _until_stopped(stopped: asyncio.Event, nodes: list[NodeProcess]) -> None:
    watched = [asyncio.create_task(node.process.wait()) for node in nodes]
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({waiting, *watched}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for watch, node in zip(watched, nodes, strict=True):
        if watch.done() and not stopped.is_set():
            raise NodeFailed(f"node {node.settings.node} ended by itself; see {node.output.name}")
        watch.cancel()


def _refuse_shared_servers(settings: list[Settings]) -> None:
    for urls, name in (
        ([one.postgres_url for one in settings], "XINQIAO_DATABASE_URL"),
        ([one.graph_uri for one in settings], "XINQIAO_NEO4J_URI"),
    ):
        given = [url for url in urls if url]
        if len(given) != len(set(given)):
            raise SettingsError(
                "SERVER_SHARED",
                f"two nodes cannot share one server: write {{node}} into {name}, or set"
                f" {name.replace('XINQIAO_', 'XINQIAO_SHENYANG_')} as well",
            )


def _folder(root: Path, choice: Choice) -> Path:
    return root / "worlds" / f"{choice.size}-{choice.seed}"


def _world(root: Path, choice: Choice) -> dict[str, Any]:
    """Write the world where it is missing and give what it planted."""
    folder = _folder(root, choice)
    if not (folder / "manifest.json").exists():
        open_folder(folder.parent, 0o755)
        draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        write_world(choice.size, choice.seed, draft)
        draft.rename(folder)
    planted: dict[str, Any] = json.loads(
        (folder / "truth" / "golden.json").read_text(encoding="utf-8")
    )
    return planted


async def _settle(settings: list[Settings]) -> None:
    """Wait until graphs, feeds and mirrors of all nodes have caught up, within two minutes."""
    deadline = time.monotonic() + _SETTLED
    states: dict[str, Any] = {}
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                for one in settings:
                    answer = await client.get(f"{one.url}/ready")
                    states[one.node] = answer.raise_for_status().json()
                if all(_is_settled(states, one) for one in settings):
                    return
            await asyncio.sleep(0.2)
    raise NodeFailed(f"the nodes did not catch up: {states}")


def _is_settled(states: dict[str, Any], settings: Settings) -> bool:
    state = states[settings.node]
    return (
        state["graph"] == "CURRENT"
        and state["snapshot"] == "CURRENT"
        and not state["feed"]["behind"]
        and all(
            mirror["size"] == states[name]["feed"]["size"]
            for name, mirror in state["mirrors"].items()
        )
    )


def _show_next(root: Path, code: str, settings: list[Settings], out: Console) -> None:
    question = root / "question.graphql"
    question.write_text(QUESTION, encoding="utf-8")
    question.chmod(0o644)
    variables = json.dumps({"code": code})
    out.rule("接下来可以试 Try next")
    ask = f".venv/bin/xinqiao query {question} --variables '{variables}'"
    for text in (
        f"{ask} --as shenyang --purpose P1 --case '{CASE}'",
        f"{ask} --as analyst --purpose P12 --case '{CASE}'",
        f"{ask}   # 公众 the public reader",
        ".venv/bin/xinqiao audit export access-log && .venv/bin/xinqiao audit verify access-log",
        ".venv/bin/xinqiao graph verify",
    ):
        out.print(f"  {text}")
    for city, one in zip((BENXI, SHENYANG), settings, strict=True):
        out.print(f"{city.label} {one.url}/graphql")
    out.print("Ctrl-C 停止 stops everything.")
