"""What a machine needs once, for all nodes: PostgreSQL's programs and account, Neo4j's jars.

`make setup` runs it with the Python of the virtual environment: `python -m service.installation`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from service import jars, neo4j
from service.account import server_account
from service.home import HomeError, home, open_folder
from service.postgres import programs
from service.process import ServerError

SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
)
"""Where Debian, Fedora and SUSE keep the certificates that the system trusts."""


def install(
    progress: jars.Progress | None = None, *, postgres: bool = True, graph: bool = True
) -> None:
    """Install what is missing of the embedded servers; a few milliseconds when nothing is.

    `postgres` and `graph` are false where a node is given servers of its own. Nodes confine
    themselves to their own folder, so it has to be done before they start.
    Raises ServerError, HomeError.
    """
    if postgres:
        account = server_account()
        open_folder(home(), 0o711 if account.other else 0o700)
        programs(account)
    if graph:
        jars.fetch(progress)


def trust_system_certificates(bundles: Sequence[Path] = SYSTEM_BUNDLES) -> None:
    """Make jgo trust the certificates that this machine trusts, unless told otherwise.

    Its HTTP library reads a list of its own, which lacks what a company adds for its proxy.
    What is fetched is checked by sha256 whoever serves it.
    """
    if "REQUESTS_CA_BUNDLE" in os.environ or "CURL_CA_BUNDLE" in os.environ:
        return
    named = os.environ.get("SSL_CERT_FILE")
    for bundle in (*((Path(named),) if named else ()), *bundles):
        if bundle.is_file():
            os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
            return


def main() -> int:
    """Install with progress on the terminal, or lines of text where there is none."""
    parser = argparse.ArgumentParser(prog="python -m service.installation", description=__doc__)
    parser.parse_args()
    trust_system_certificates()
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=False) as bars:
            task = bars.add_task("Neo4j 2026.08.1, jars (about 180 MB)", total=None, visible=False)

            def show(done: int, total: int) -> None:
                bars.update(task, completed=done, total=total, visible=True)
                if not console.is_terminal and (done % 40 == 0 or done == total):
                    console.print(f"Neo4j jars: {done}/{total}")

            install(show)
        recorded = neo4j.is_trained()
        telling = "Recording Neo4j's start, so that it starts twice as fast"
        if not recorded and not console.is_terminal:
            console.print(f"{telling} (20 s)")
        with nullcontext() if recorded else console.status(telling):
            if not neo4j.train():
                console.print("Neo4j's start could not be recorded; it will start slower.")
    except (ServerError, HomeError) as error:
        console.print(f"{error.code}: {error.message}", style="red", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; `make setup` goes on where it was.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
