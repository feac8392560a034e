"""Names by their sound: readings of characters, and texts of letters cut into them."""

from __future__ import annotations

import re

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.name import bigrams, read_names
from store.simplified import searched_name
from store.sound import READINGS, SOUNDINGS, read_name, soundings, sounds, spelt, syllables


def found(text: str, name: str) -> bool:
    """As the store does it: all fragments, and the pattern."""
    return any(
        set(one.fragments) <= set(sounds(name)) and re.search(one.pattern, spelt(name))
        for one in soundings(text)
    )


@pytest.mark.parametrize(
    "text",
    ["nanhe", "nan he", "Nán hé", "NAN'HE", "ｎａｎｈｅ", "nan2he2", "nan-he", "nhsm", "NHSMYXGS",
     "benxinanhe", "bxnh", "benxinhsm", "楠he", "本溪nanhe", "nanhesh", "nanhe商贸", "楠hsm"],
)  # fmt: skip
def test_a_name_is_found_by_its_sound(text: str) -> None:
    assert found(text, "本溪楠禾商贸有限公司")
    assert not found(text, "沈阳青山建材厂")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("chongqing", "重庆小面馆"),
        ("zhongqing", "重庆小面馆"),  # as one who does not know the city reads it
        ("laoting", "乐亭药房"),
        ("changle", "长乐商行"),
        ("zhangle", "长乐商行"),
        ("shanshi", "单氏酒业"),
        ("qiushi", "仇氏酒业"),
        ("yinhang", "长行银行"),
        ("lvse", "绿色家园"),
        ("lüse", "绿色家园"),
        ("luse", "绿色家园"),
        ("luliang", "吕梁酒业"),  # whose only reading has ü
        ("nuer", "女儿红酒业"),
        ("lueyang", "略阳药房"),
        ("xian", "西安饭店"),
        ("xi'an", "西安饭店"),
        ("xianren", "仙人掌店"),
        ("abcjituan", "ABC(集团)公司"),
        ("maoyi", "華東貿易公司"),  # traditional characters
        ("k11yinyue", "K11音乐厅"),
        ("nanhe（集团）", "楠禾(集团)公司"),  # signs have no sound
        ("nanhe(jituan)", "楠禾（集团）公司"),
        ("xi·an", "西安饭店"),
    ],
)
def test_readings_that_are_plausible_are_known(text: str, name: str) -> None:
    assert found(text, name)


@pytest.mark.parametrize(
    "text", ["n", "nh", "nan"[:2], "楠禾", "", " ", "123", "'; --", ".*", "（）"]
)
def test_what_is_too_short_or_has_no_letters_is_no_sound(text: str) -> None:
    assert soundings(text) == ()


def test_a_text_that_is_nearly_letters_alone_is_not_read_in_every_way() -> None:
    """Each letter doubled the time once: sixty of them took longer than anybody lives."""
    assert 0 < len(soundings("a" * 60 + "!")) <= SOUNDINGS


def test_readings_that_begin_alike_are_not_tried_in_every_combination() -> None:
    """和 is he, hu and huo: of one letter more than the name has characters, each took three times
    as long."""
    told = soundings("h" * 61)
    assert [one.place(spelt("和" * 60)) for one in told] == [None]
    assert [one.place(spelt("新" + "和" * 61)) for one in told] == [len(spelt("新")) - 1]


@given(st.text(alphabet="和行长吕绿单", max_size=6), st.text(alphabet="hxcdluv", max_size=5))
def test_a_place_is_where_the_pattern_is(name: str, text: str) -> None:
    for one in soundings(text):
        told = re.search(one.pattern, spelt(name))
        assert one.place(spelt(name)) == (told.start() if told else None)


def test_an_apostrophe_parts_syllables() -> None:
    assert found("xi'an", "西安饭店")
    assert not any(one.pattern.count("/") == 1 for one in soundings("xi'an"))


@given(st.text(alphabet="本溪楠禾长重行单ABC乐亭（）(1 ", min_size=1, max_size=30))
def test_fragments_of_a_name_are_bounded(name: str) -> None:
    read = read_name(name)
    assert all(len(told) <= READINGS for _, told in read)
    assert len(sounds(name)) <= len(read) * (2 * READINGS) ** 2 * 2


@given(st.text(max_size=60))
def test_any_text_is_cut_in_few_ways_whose_patterns_are_sound(text: str) -> None:
    told = soundings(text)
    assert len(told) <= SOUNDINGS
    for one in told:
        assert re.compile(one.pattern)
        assert one.fragments


@given(st.lists(st.sampled_from("溪楠禾商贸集团药房行长单"), min_size=3, max_size=8).map("".join))
def test_every_name_is_found_by_its_first_readings_and_by_its_initials(name: str) -> None:
    first = [told[0] for _, told in read_name(name)]
    assert found(" ".join(first), name)
    assert found("".join(one[0] for one in first), name)


def test_syllables_have_a_vowel() -> None:
    assert {"nan", "er", "lv", "zhuang"} <= syllables()
    assert not {"n", "ng", "m", "hm"} & syllables()


async def test_names_of_an_earlier_release_are_read_in_steps(database: str) -> None:
    """Whoever is interrupted goes on with what is left (chunked, resumable)."""
    connection = await asyncpg.connect(database)
    await connection.execute(
        "INSERT INTO organisation_name (subject_id, name, plain, is_former, bigrams)"
        " SELECT gen_random_uuid(), '瀋陽楠禾' || i || '号厂', '', false, '{}'::text[]"
        " FROM generate_series(1, 25) i"
        " UNION ALL SELECT gen_random_uuid(), '（｜）', '', false, '{}'::text[]"
    )
    done = [await read_names(connection, 10) for _ in range(4)]
    assert done == [10, 10, 6, 0]
    told = await connection.fetch("SELECT * FROM organisation_name")
    assert all((row["spelt"], row["sounds"]) == (spelt(row["name"]), sounds(row["name"]))
               and (row["plain"], row["bigrams"]) == (searched_name(row["name"]),
                                                      bigrams(row["name"]))
               for row in told)  # fmt: skip
    assert {"沈阳楠禾7号厂", "(|)"} < {row["plain"] for row in told}
    await connection.close()
