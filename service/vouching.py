"""Whose keys this machine vouches for, when somebody shows it a proof."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from client.errors import ClientError
from client.key_change import changes_of
from client.note import VerifierKey
from service.home import NodeHome
from service.settings import SettingsError, load_settings
from service.witnessing import witness_keys


def known_verifiers(root: Path, given: Iterable[str] = ()) -> tuple[VerifierKey, ...]:
    """Keys of logs and witnesses: those given, and those of the papers in `<home>/public`.

    Former keys of a log are among them, as its node's signed changes name them; not those that
    were compromised. Raises ClientError `VKEY_MALFORMED` for a given text that is no key.
    """
    found = [VerifierKey.parse(text) for text in given]
    for path in sorted((root / "public").glob("*.json")):
        if path.stem == "identities":
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ClientError):
            text = path.read_text(encoding="utf-8")
            papers = json.loads(text)
            logs = papers["logs"]
            found += [VerifierKey.parse(one) for one in logs.values()]
            if "witness" in papers:
                found.append(VerifierKey.parse(papers["witness"]))
            for change in changes_of(text):
                origin = change.old.key_id.rpartition("+")[0]
                if origin in logs and change.compromised is None and change.holds():
                    found.append(VerifierKey(origin, change.old.public.public))
        with contextlib.suppress(OSError, SettingsError):
            if (root / path.stem).is_dir():
                found += witness_keys(root, load_settings(NodeHome(root, path.stem)))
    return tuple(dict.fromkeys(found))
