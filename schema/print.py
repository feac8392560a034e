"""`python -m schema.print` writes schema.graphql; with `--check` it only compares.

`--release` also makes it the schema that later ones must not break (schema.released.graphql);
`--federation` prints the same schema as a subgraph of Apollo Federation, as `_service` gives it.
Exit status 1 when the file in the repository is not the schema of the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from schema.definition import CreditSchema
from schema.federation import federated
from schema.records import kinds

FILE = Path(__file__).resolve().parent.parent / "schema.graphql"
RELEASED = FILE.with_name("schema.released.graphql")


def printed() -> str:
    """The schema definition language of the API with the kinds of this release."""
    return CreditSchema(kinds(), gateways=False).as_str().rstrip() + "\n"


def main(arguments: list[str]) -> int:
    if "--federation" in arguments:
        sys.stdout.write(federated(printed()))
        return 0
    text = printed()
    if "--check" in arguments:
        if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
            return 0
        print("schema.graphql is not the schema of the code: run python -m schema.print")
        return 1
    FILE.write_text(text, encoding="utf-8")
    if "--release" in arguments:
        RELEASED.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
