"""W19, X09–X14: grades that are recognised, stale, of another version, or missing."""

from datetime import date

from service.world.city import BENXI, SHENYANG
from service.world.evaluation import evaluation_said
from service.world.planted.cast import Cast

_HEAD = """id = "{name}"
agreement = "demo"
scheme = "SY-1000"
version = "v2"
purposes = ["P1", "P3"]
valid_from = 2026-01-01
"""


def plant_rated(cast: Cast) -> None:
    """Add the cases of recognition."""
    _mappings(cast)
    _stale(cast)
    _unrated(cast)


def _mapping(name: str, rows: tuple[tuple[str, str, str], ...]) -> str:
    text = _HEAD.format(name=name)
    for band, low, below in rows:
        upper = f'below = "{below}"\n' if below else ""
        text += f'\n[[row]]\nfrom = "{low}"\n{upper}band = "{band}"\n'
    return text


def _mappings(cast: Cast) -> None:
    gap = _mapping("sy-bx-gap", (("优", "850", ""), ("中", "550", "700"), ("差", "0", "550")))
    turned = _mapping(
        "sy-bx-not-monotone",
        (("优", "850", ""), ("中", "700", "850"), ("良", "550", "700"), ("差", "0", "550")),
    )
    files = {"gap": "mappings/gap.toml", "notMonotone": "mappings/not-monotone.toml"}
    cast.documents |= {files["gap"]: gap, files["notMonotone"]: turned}
    cast.expect("W19", "a mapping without 700–849, and one that rates 550 above 700", {},
                refused=True, gap=[700, 849], notMonotone=[550, 699],
                files={name: f"truth/{path}" for name, path in files.items()},
                codes={"gap": "MAPPING_GAP", "notMonotone": "MAPPING_NOT_MONOTONE"}
                )  # fmt: skip


def _stale(cast: Cast) -> None:
    a, b = cast.body(48, SHENYANG), cast.body(48, SHENYANG)
    c = cast.body(48, BENXI)
    winter, autumn = date(2026, 2, 28), date(2025, 11, 30)
    said = evaluation_said(cast.parties, SHENYANG, "SY-1000", "v2", winter, 3, "良", 801)
    cast.enter("evaluation", a, date(2026, 3, 6), "credit-centre", said)
    first = evaluation_said(cast.parties, SHENYANG, "SY-1000", "v1", autumn, 12, "良", 872)
    cast.enter("evaluation", b, date(2025, 12, 5), "credit-centre", first)
    spring = date(2026, 5, 31)
    home = evaluation_said(cast.parties, BENXI, "BX-ABCD", "2025", spring, 6, "A")
    cast.enter("evaluation", c, date(2026, 6, 5), "credit-centre", home)
    cast.expect("X11", "a stale grade, a grade of the scheme's first version, a grade of Benxi",
                {"A": a, "B": b, "C": c}, validUntil={"A": said["validUntil"]},
                versions={"A": "v2", "B": "v1", "C": "2025"}, scores={"A": 801, "B": 872},
                reason={"A": "STALE", "B": "SCHEME_VERSION_UNKNOWN", "C": None},
                grade={"C": "A"})  # fmt: skip


def _unrated(cast: Cast) -> None:
    a = cast.body(49, SHENYANG)
    cast.expect("X14", "a firm without an evaluation", {"A": a}, grade="未评", recognised=False)
