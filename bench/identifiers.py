"""Rate of USCC validation through the public functions, on one core.

Run as `python -m bench.identifiers [--json]`; the target is a million a minute.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import date

from store.identifiers import Identification, identify, uscc
from store.identifiers.check_characters import USCC_ALPHABET, org_check, uscc_check

_ON = date(2026, 6, 30)
_COUNT = 100_000
_TARGET_PER_MINUTE = 1_000_000


def valid_codes(count: int) -> list[str]:
    """Distinct synthetic codes of the block XD, right in every check."""
    codes = []
    for number in range(count):
        body = f"XD{number:06d}"
        first = f"91210500{body}{org_check(body)}"
        codes.append(first + uscc_check(first))
    return codes


def invalid_codes(count: int) -> list[str]:
    """The same codes mistyped, one way in turn: check, letter, length, transposition."""
    codes = []
    for number, code in enumerate(valid_codes(count)):
        wrong = USCC_ALPHABET[(USCC_ALPHABET.index(code[17]) + 1) % 31]
        faults = (code[:17] + wrong, "9I" + code[2:], code[:-1], code[:7] + "X0D" + code[10:])
        codes.append(faults[number % len(faults)])
    return codes


def rate(judge: Callable[[str], Identification], codes: list[str]) -> float:
    """Codes a minute, judged one by one."""
    started = time.perf_counter()
    for code in codes:
        judge(code)
    return len(codes) / (time.perf_counter() - started) * 60


def measure(count: int = _COUNT) -> dict[str, int]:
    """Codes a minute by function and input."""
    inputs = {"valid": valid_codes(count), "invalid": invalid_codes(count)}
    judges: dict[str, Callable[[str], Identification]] = {
        "uscc": lambda code: uscc(code, on=_ON),
        "identify": lambda code: identify(code, on=_ON),
    }
    return {
        f"{name} {kind}": round(rate(judge, codes))
        for name, judge in judges.items()
        for kind, codes in inputs.items()
    }


def main() -> None:
    """Print the rates; end with status 1 when one misses the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rates = measure()
    if arguments.json:
        print(json.dumps(rates))
    else:
        for name, value in rates.items():
            print(f"{name:<18}{value / 1e6:8.1f} million a minute")
    raise SystemExit(any(value < _TARGET_PER_MINUTE for value in rates.values()))


if __name__ == "__main__":
    main()
