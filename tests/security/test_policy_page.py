"""docs/access.md says what the policy's table says."""

from __future__ import annotations

from pathlib import Path

from security.policy import KindsOf, Policy, Reach, Role, load_policy

PAGE = (Path(__file__).parents[2] / "docs/access.md").read_text(encoding="utf-8")
ARREARS = ("tax_arrears", "social_insurance_arrears", "housing_fund_arrears")


def rows(head: str) -> list[list[str]]:
    """The rows of the table whose head begins with these words."""
    lines = PAGE[PAGE.index(f"| {head} |") :].splitlines()
    table = lines[2 : next(at for at, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def marks(policy: Policy, kind: str, purpose: str) -> str:
    firms, persons = (policy.matrix.mark(kind, purpose, persons=one) for one in (False, True))
    return f"{firms} {persons}".replace("-", "–")


def test_the_matrix_on_the_page_is_the_policys() -> None:
    policy = load_policy()
    named: set[str] = set()
    for name, *cells, _ in rows("Kind | P1"):
        kinds = ARREARS if name.startswith("tax, ") else (name,)
        if name.startswith("items"):
            kinds = ("an_item_of_the_city",)
        named.update(kinds)
        for kind in kinds:
            for purpose, told in zip(policy.matrix.purposes, cells, strict=True):
                shown = told if " " in told else f"{told} {told}"
                assert shown == marks(policy, kind, purpose), (kind, purpose)
    assert named - {"an_item_of_the_city"} == set(policy.matrix.kinds)


def test_the_roles_on_the_page_are_the_policys() -> None:
    policy = load_policy()
    told = {cells[0].split("`")[1]: cells for cells in rows("Role | O")}
    assert told.keys() == set(Role)
    for name, row in policy.rows.items():
        cells = told[name]
        assert (cells[1] == "–") == (row.open is Reach.NONE), name
        assert (cells[2] == "–") == (row.kinds is KindsOf.NONE), name
        assert (cells[4] == "–") == (row.authorised is Reach.NONE), name
        assert (cells[6] == "–") == (row.internal is Reach.NONE), name
        assert (cells[7] == "–") == (row.hops == 0), name
        numbers = {int(p[1:]) for p in row.purposes}
        listed = cells[8].split(", those")[0]
        if "P1–P8" in listed:
            assert numbers == set(range(1, 9))
        else:
            assert numbers == {int(p[1:]) for p in listed.split(", ") if p.startswith("P")}, name
