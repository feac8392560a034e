"""One node as a process: `python -m service.start serve NODE [PARENT]`.

The process confines itself to its own folder, starts its servers inside, and answers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import asyncpg

from service.answering import Ending
from service.database import database, graph_server, holds_data
from service.enrolment import establish, token_paths
from service.home import NodeHome, cache, home, open_folder
from service.installation import install
from service.neo4j import Neo4jAddress
from service.neo4j_import import fill_first, never_filled
from service.node import open_node
from service.open_files import open_more
from service.partnership import enrolment_folder, publish_own, receive_papers
from service.preparation import prepare_database
from service.sandbox import confine
from service.settings import Settings, load_settings
from service.supervisor import claim_node, demand_port, end_with_parent
from service.work import at_work
from service.worker import Workers

_PORT_FREE = 5.0  # seconds that workers of a killed process are given to leave its port


def confine_node(root: Path, node_home: NodeHome) -> bool:
    """Close every other node's folder, and every identity but the node's own, to this process."""
    project = Path(__file__).parents[1]
    own_identity = root / "identities" / f"{node_home.name}.pem"
    return confine(
        readable=[project, Path(sys.prefix), Path(sys.base_prefix), cache(), root / "public"]
        + ([own_identity] if own_identity.exists() else [])
        + token_paths(node_home),
        writable=[node_home.path],
        withheld=[root],
    )


def keep_temporary_files(node_home: NodeHome) -> None:
    """Have this process and its children keep temporary files in the node's folder.

    They hold what units report; and around a home below /tmp no other folder is open to a
    confined process.
    """
    os.environ["TMPDIR"] = str(open_folder(node_home.path / "tmp", 0o700))


async def serve(settings: Settings, root: Path) -> None:
    """Serve a node until asked to end."""
    node_home = NodeHome(root, settings.node)
    ending = Ending().on_signals()
    with ExitStack() as servers:
        loop = asyncio.get_running_loop()

        def start_graph() -> asyncio.Future[Neo4jAddress]:
            return loop.run_in_executor(
                None, lambda: servers.enter_context(graph_server(settings, node_home, kept=True))
            )

        # A graph that has to be filled waits for the store; nobody's has to when both are new.
        unfilled = settings.graph_uri is None and never_filled(node_home)
        late = unfilled and holds_data(settings, node_home)
        starting = None if late else start_graph()
        dsn = await loop.run_in_executor(
            None, lambda: servers.enter_context(database(settings, node_home, kept=True))
        )
        try:
            await prepare_database(dsn, root, settings)
            if starting is None:
                await fill_first(node_home, partial(asyncpg.connect, dsn), ending.asked)
        finally:
            address = await (starting or start_graph())
        if ending.asked.is_set():
            return
        async with open_node(settings, root, dsn, address) as node, at_work(node, dsn) as work:
            if settings.workers == 1:
                await ending.answer(node, work)
            else:
                async with Workers(settings, dsn, address):
                    await ending.asked.wait()


def main(arguments: list[str]) -> int:
    """Run a node in this process; `arguments` are its name and, optionally, the parent's pid."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if len(arguments) > 1:
        end_with_parent(int(arguments[1]))
    root = home()
    establish(root)
    node_home = NodeHome(root, arguments[0])
    settings = load_settings(node_home)
    if not settings.demo:
        publish_own(root, settings.node)
        receive_papers(root, settings.node, enrolment_folder())
    open_more()
    serving = claim_node(node_home)
    demand_port(settings, _PORT_FREE)
    install(postgres=settings.postgres_url is None, graph=settings.graph_uri is None)
    # Landlock binds the calling thread and what comes after it, so before any other thread.
    confine_node(root, node_home.create())
    keep_temporary_files(node_home)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(serve(settings, root))
    serving.release()
    return 0


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
