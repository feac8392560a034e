"""X09, X13, W19: mappings of grades are signed, total on the source scale and monotone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.scheme import shipped_schemes
from sync.agreement import countersign, record_agreement, sign_agreement
from sync.errors import MappingError
from sync.mapping import Band, MappingRow, check_mapping, check_rows, read_draft
from sync.mapping_note import read_mapping, record_mapping, sign_mapping

from .conftest import City
from .test_agreement import SIGNERS, agreement

SCHEMES = shipped_schemes()
SY2 = SCHEMES["SY-1000", "v2"]
BX = SCHEMES["BX-ABCD", "2025"]
TL = SCHEMES["TL-AAA-D", "v1"]

# The example table of the cross-region requirements §2.1, as people draw it up.
DRAFT = """
id = "sy1000-v2-1"
agreement = "test-1"
scheme = "SY-1000"
version = "v2"
purposes = ["P1"]
valid_from = 2026-01-01

[[row]]
from = "850"
band = "优"

[[row]]
from = "700"
below = "850"
band = "良"

[[row]]
from = "550"
below = "700"
band = "中"

[[row]]
from = "0"
below = "550"
band = "差"
"""


def rows(*bounds: tuple[str, str | None, str]) -> tuple[MappingRow, ...]:
    return tuple(
        MappingRow(Band[band], None, Decimal(low), None if below is None else Decimal(below))
        for low, below, band in bounds
    )


def grades(**bands: str) -> tuple[MappingRow, ...]:
    return tuple(MappingRow(Band[band], grade) for grade, band in bands.items())


def refused(scheme: object, told: tuple[MappingRow, ...]) -> MappingError:
    with pytest.raises(MappingError) as caught:
        check_rows(scheme, told)  # type: ignore[arg-type]
    return caught.value


def test_the_example_table_is_accepted() -> None:
    mapping = read_draft(DRAFT)
    check_mapping(mapping, SCHEMES, agreement())
    assert [row.band for row in mapping.rows] == list(Band)


def test_x13_a_missing_interval_is_named() -> None:
    told = rows(("850", None, "EXCELLENT"), ("550", "700", "FAIR"), ("0", "550", "POOR"))
    error = refused(SY2, told)
    assert error.code == "MAPPING_GAP"
    assert "[700, 850)" in error.message


def test_w19_the_scale_must_be_covered_to_both_ends() -> None:
    below = refused(SY2, rows(("700", None, "GOOD"), ("550", "700", "FAIR")))
    above = refused(SY2, rows(("550", "1000", "GOOD"), ("0", "550", "POOR")))
    assert (below.code, above.code) == ("MAPPING_GAP", "MAPPING_GAP")
    assert "[0, 550)" in below.message
    assert "[1000, 1000]" in above.message


def test_x13_a_row_that_rates_worse_as_better_is_named() -> None:
    told = rows(("850", None, "GOOD"), ("700", "850", "EXCELLENT"), ("0", "700", "POOR"))
    error = refused(SY2, told)
    assert error.code == "MAPPING_NOT_MONOTONE"
    assert "[700, 850)" in error.message


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (rows(("0", "700", "POOR"), ("650", None, "GOOD")), "MAPPING_OVERLAP"),
        (rows(("0", None, "POOR"), ("650", None, "GOOD")), "MAPPING_OVERLAP"),
        (rows(("0", "700", "POOR"), ("700", "1100", "GOOD")), "MAPPING_RANGE"),
        (rows(("-1", "700", "POOR"), ("700", None, "GOOD")), "MAPPING_RANGE"),
        (rows(("0", "0", "POOR"), ("0", None, "GOOD")), "MAPPING_RANGE"),
        (grades(A="GOOD"), "MAPPING_RANGE"),
        ((), "MAPPING_GAP"),
    ],
)
def test_score_rows_are_judged(told: tuple[MappingRow, ...], code: str) -> None:
    assert refused(SY2, told).code == code


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (grades(A="EXCELLENT", B="GOOD", D="POOR"), "MAPPING_GAP"),
        (grades(A="EXCELLENT", B="FAIR", C="GOOD", D="POOR"), "MAPPING_NOT_MONOTONE"),
        (grades(A="EXCELLENT", B="FAIR", C="GOOD", E="POOR"), "MAPPING_GRADE_UNKNOWN"),
        ((*grades(A="GOOD", B="GOOD", C="FAIR", D="POOR"), *grades(A="GOOD")), "MAPPING_OVERLAP"),
        (rows(("0", None, "GOOD")), "MAPPING_GRADE_UNKNOWN"),
    ],
)
def test_grade_rows_are_judged(told: tuple[MappingRow, ...], code: str) -> None:
    assert refused(BX, told).code == code


def test_several_grades_may_share_a_band() -> None:
    bands = ["EXCELLENT"] * 2 + ["GOOD"] * 2 + ["FAIR"] * 2 + ["POOR"] * 4
    check_rows(TL, grades(**dict(zip(TL.grades, bands, strict=True))))


@given(st.sets(st.integers(1, 1000), max_size=9), st.lists(st.sampled_from(Band), min_size=10))
def test_every_partition_of_the_scale_in_falling_bands_is_accepted_and_no_other(
    cuts: set[int], bands: list[Band]
) -> None:
    lows = [0, *sorted(cuts)]
    falling = sorted(bands[: len(lows)], key=list(Band).index, reverse=True)
    told = [
        MappingRow(band, None, Decimal(low), None if below is None else Decimal(below))
        for low, below, band in zip(lows, [*lows[1:], None], falling, strict=True)
    ]
    check_rows(SY2, told[::-1])
    for left_out in range(len(told)):
        rest = told[:left_out] + told[left_out + 1 :]
        assert refused(SY2, tuple(rest)).code == "MAPPING_GAP"
    turned = [replace(row, band=band) for row, band in zip(told, reversed(falling), strict=True)]
    if any(one.band != other.band for one, other in pairwise(turned)):
        assert refused(SY2, tuple(turned)).code == "MAPPING_NOT_MONOTONE"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('version = "v2"', 'version = "v9"', "SCHEME_VERSION_UNKNOWN"),
        ('purposes = ["P1"]', 'purposes = ["P1", "P7"]', "MAPPING_PURPOSE"),
        ('purposes = ["P1"]', "purposes = []", "MAPPING_PURPOSE"),
        ("valid_from = 2026-01-01", "valid_from = 2025-01-01", "MAPPING_DATES"),
        ("valid_from = 2026-01-01", 'valid_from = "2026-01-01"', "MAPPING_MALFORMED"),
        ('id = "sy1000-v2-1"', 'id = "SY 1"', "MAPPING_MALFORMED"),
        ('from = "850"', 'from = "many"', "MAPPING_MALFORMED"),
        ('from = "850"', 'to = "850"', "MAPPING_MALFORMED"),
        ('band = "优"', 'band = "极好"', "MAPPING_MALFORMED"),
        ('scheme = "SY-1000"', "scheme = SY", "MAPPING_MALFORMED"),
        ('scheme = "SY-1000"', 'skheme = "SY-1000"', "MAPPING_MALFORMED"),
        ('scheme = "SY-1000"', 'scheme = "SY-1000"\nexcept = "P1"', "MAPPING_MALFORMED"),
    ],
)
def test_a_faulty_draft_is_refused_with_its_code(old: str, new: str, code: str) -> None:
    assert old in DRAFT
    with pytest.raises(MappingError) as caught:
        check_mapping(read_draft(DRAFT.replace(old, new, 1)), SCHEMES, agreement())
    assert caught.value.code == code


def test_a_mapping_reads_back_as_every_party_signed_it() -> None:
    mapping = read_draft(DRAFT)
    note = countersign(sign_mapping(mapping, SIGNERS[:1]), SIGNERS[1])
    assert read_mapping(note, agreement()) == mapping


def test_a_mapping_that_one_party_has_not_signed_is_refused() -> None:
    note = sign_mapping(read_draft(DRAFT), SIGNERS[:1])
    with pytest.raises(MappingError) as caught:
        read_mapping(note, agreement())
    assert caught.value.code == "MAPPING_UNSIGNED"


def test_a_mapping_altered_after_signing_is_refused() -> None:
    note = sign_mapping(read_draft(DRAFT), SIGNERS).replace(b'"850"', b'"800"')
    with pytest.raises(MappingError) as caught:
        read_mapping(note, agreement())
    assert caught.value.code == "MAPPING_UNSIGNED"


async def test_a_recorded_mapping_never_changes(benxi: City) -> None:
    mapping = read_draft(DRAFT)
    async with benxi.pool.acquire() as connection, connection.transaction():
        with pytest.raises(MappingError) as caught:
            await record_mapping(connection, sign_mapping(mapping, SIGNERS), SCHEMES)
        assert caught.value.code == "MAPPING_AGREEMENT"
        await record_agreement(connection, sign_agreement(agreement(), SIGNERS), kinds=benxi.kinds)
        for _ in range(2):
            await record_mapping(connection, sign_mapping(mapping, SIGNERS), SCHEMES)
        changed = replace(mapping, valid_to=date(2027, 1, 1))
        with pytest.raises(MappingError) as caught:
            await record_mapping(connection, sign_mapping(changed, SIGNERS), SCHEMES)
        assert caught.value.code == "MAPPING_CHANGED"
        kept = await connection.fetch("SELECT low, band FROM grade_mapping_row ORDER BY position")
        assert [(row["low"], row["band"]) for row in kept] == [
            (850, "EXCELLENT"),
            (700, "GOOD"),
            (550, "FAIR"),
            (0, "POOR"),
        ]
        other = replace(mapping, id="x")
        assert (await record_mapping(connection, sign_mapping(other, SIGNERS), SCHEMES)).id == "x"


def test_a_score_has_the_grade_of_its_scheme_version() -> None:
    first, second = SCHEMES["SY-1000", "v1"], SY2
    assert [first.grade_of(Decimal(n)) for n in ("872", "1000", "0")] == ["良", "优", "差"]
    assert [second.grade_of(Decimal(n)) for n in ("872", "849.5", "1001")] == ["优", "良", None]
    assert second.faults("良", Decimal(872)) == ("GRADE_SCORE_MISMATCH",)
    assert BX.faults("M", None) == ("GRADE_UNKNOWN",)
    assert BX.faults(None, Decimal(9)) == ("EVALUATION_EMPTY",)
    assert second.faults("优", None) == ("EVALUATION_EMPTY",)
