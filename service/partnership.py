"""Papers of nodes outside the demo: a node publishes its own, and takes what its operator gives.

Papers are public keys, agreements and mappings of grades. What the operator puts into the folder
that `XINQIAO_ENROLMENT` names (or into `<home>/public`) is trusted from the next start on;
nothing is ever taken from a partner's own word. docs/container.md tells how papers are exchanged.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from client.algorithm import PublicKey
from client.errors import ClientError
from client.keys import NodeKeys
from client.note import VerifierKey
from security.directory import Directory
from security.errors import KeyEnrolledError
from security.registry import Caller, RegisteredKey
from service.enrolment import EnrolmentError, publish_node
from service.home import NodeHome, open_folder
from service.process import held, replace_file
from service.settings import Settings, load_settings

_PAPERS = ("*.json", "*.agreement", "*.mapping")


def enrolment_folder() -> Path | None:
    """The folder of papers that the operator hands over, `XINQIAO_ENROLMENT`; None without one."""
    named = os.environ.get("XINQIAO_ENROLMENT")
    return Path(named).expanduser().absolute() if named else None


def publish_own(root: Path, node: str) -> Path:
    """Make a node's keys where they are missing and write its papers to `<home>/public`."""
    settings = load_settings(NodeHome(root, node))
    open_folder(root, 0o711)
    with held(root / "found.lock"):
        open_folder(root / "public", 0o755)
        open_folder(root / "identities", 0o700)
        node_home = NodeHome(root, node).create()
        publish_node(root, node_home, settings.region, settings.label)
    return root / "public" / f"{node}.json"


def receive_papers(root: Path, node: str, folder: Path | None) -> list[str]:
    """Copy other nodes' papers, agreements and mappings into `<home>/public`; what was new.

    A file that changed replaces the former one. Raises EnrolmentError `PAPERS_UNREADABLE`.
    """
    if folder is None:
        return []
    taken = []
    try:
        for path in sorted(one for pattern in _PAPERS for one in folder.glob(pattern)):
            if path.stem in (node, "identities"):
                continue
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".json":
                _check(text)
            place = root / "public" / path.name
            if not place.exists() or place.read_text(encoding="utf-8") != text:
                replace_file(place, text, 0o644)
                taken.append(path.name)
    except (OSError, ValueError, LookupError, TypeError, ClientError) as cause:
        raise EnrolmentError(
            "PAPERS_UNREADABLE",
            f"{path.name} in the enrolment folder is not a node's papers as `xinqiao key publish`"
            " prints them: get it again from the partner's operator",
        ) from cause
    return taken


def _check(text: str) -> None:
    NodeKeys.from_json(text)
    document = json.loads(text)
    str(document["region"])
    VerifierKey.parse(document["agreement"])


async def enrol_partners(directory: Directory, root: Path, settings: Settings) -> None:
    """Enrol the system of each partner that the settings name, with the key of its papers."""
    for partner in settings.partners:
        path = root / "public" / f"{partner.name}.json"
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if "system" not in document:
            continue
        caller = Caller(
            partner.name,
            document.get("label") or partner.name,
            "PCITY",
            None,
            document["region"],
        )
        key = document["system"]
        public = PublicKey.parse(key["public"])
        registered = RegisteredKey(key["keyId"], caller, public.algorithm, public.public)
        try:
            await directory.enrol(registered)
        except KeyEnrolledError as error:
            raise EnrolmentError(
                error.code,
                f"ask {partner.name} for a key of its own: another caller has that of its papers",
            ) from error
