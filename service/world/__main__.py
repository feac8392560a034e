"""`python -m service.world --size S --seed N --out DIR`."""

import argparse
import sys
from pathlib import Path

from service.world import DEFAULT_SEED, WorldError, write_world


def main(arguments: list[str] | None = None) -> int:
    """Write a world; exit status 0, or 2 when the folder or size is not usable."""
    parser = argparse.ArgumentParser(prog="python -m service.world", description=__doc__)
    parser.add_argument("--size", choices=("S", "M", "L"), default="S")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sums", type=Path, help="also write the digests, as sha256sum does")
    options = parser.parse_args(arguments)
    try:
        manifest = write_world(options.size, options.seed, options.out)
    except WorldError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 2
    if options.sums:
        options.sums.write_text(manifest.sums(), encoding="utf-8")
    for kind, count in manifest.counts.items():
        print(f"{kind:16} {count:9,}")
    print(f"{len(manifest.files)} files in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
