"""Text searches find the same on every database: what `fold` says."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple, TypeVar

import pytest
from enfyra_kernel.query.folding import fold

from tests.api import Api

pytestmark = pytest.mark.asyncio

T = TypeVar("T")

_FINDS = {"_contains": str.__contains__, "_starts_with": str.startswith, "_ends_with": str.endswith}

LATIN = "aAeEiIoOuUnNcCzZyYßẞøØđĐłŁæÆœŒðÐþÞıİĦħŧŋſ"
ACCENTED = "áÀâÄãåĀĂąçĆĉĊčďéÈêëĒěğĢíîïĪñńňóôõöőřśŞštţúûüůűýÿžŽ"
VIETNAMESE = "ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹẠẤẬẶỆỘỢỰƠơƯư"
GREEK = "αΑβΒσςΣίΐάέήόύώΰΆΏϊϋὰἁᾳᾼ"
CYRILLIC = "аАбБвВеЕёЁиИйЙкКјЇїґҐѐѝўЎ"
KANA = "かがカガはばぱハバパうゔウヴつっッー"
HANGUL = "가각갂나라힣ㄱㅏ"
OTHERS = "漢字龍😀😁👩\u200d👧🇻🇳\ufe0fＡａﬁ①Ⅳ²½™Åﷺאבשׁשّאָकक़नऩאתعآئ"
SYMBOLS = " .,*+?^$()[]{}|\\/%_!-~'\"`@#&;:<>=\t\n"
MARKS = "\u0300\u0301\u0302\u0308\u0323\u0327\u0345\u036f"
ALPHABET = LATIN + ACCENTED + VIETNAMESE + GREEK + CYRILLIC + KANA + HANGUL + OTHERS + SYMBOLS


class Search(NamedTuple):
    """A search in one text."""

    text: str
    operator: str
    needle: str

    @property
    def finds(self) -> bool:
        return _FINDS[self.operator](fold(self.text), fold(self.needle))


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


async def _wrong(api: Api, searches: Iterable[Search]) -> list[Search]:
    """Give the searches that a database answers otherwise than `fold`."""
    searches = list(searches)
    texts = list(dict.fromkeys(one.text for one in searches))
    await api.define("word", "content text!")
    for some in _batches(texts, 1000):
        await api.create("/word", [{"content": text} for text in some])
    keys = {text: number for number, text in enumerate(texts, 1)}
    wrong: list[Search] = []
    for some in _batches(searches, 150):
        # Each search has a number of its own: what was found is told apart by the keys only.
        seen = {keys[one.text] for one in some}
        assert len(seen) == len(some), "one search for each text at a time"
        where = [{"id": keys[one.text], "content": {one.operator: one.needle}} for one in some]
        rows = await api.rows("/word", filter={"_or": where}, fields="id", limit=0)
        found = {row["id"] for row in rows}
        wrong += [one for one in some if (keys[one.text] in found) is not one.finds]
    return wrong


def _alike() -> list[str]:
    """Give all characters that fold to one another, as one text for each such set."""
    sets: dict[str, list[str]] = defaultdict(list)
    for code in range(0x20, 0x1F000):
        char = chr(code)
        if unicodedata.category(char) not in {"Cs", "Cn", "Co"}:
            sets[fold(char)].append(char)
    return ["|".join(chars) for folded, chars in sets.items() if folded and len(chars) > 1]


@pytest.mark.may_block
async def test_every_letter_is_found_by_the_letters_like_it(api: Api) -> None:
    texts = _alike()
    assert len(texts) > 1000
    same = [Search(text, "_starts_with", fold(text).upper()) for text in texts]
    assert await _wrong(api, same) == []


@pytest.mark.may_block
async def test_no_letter_is_found_by_another(api: Api) -> None:
    searches = [
        Search(text, "_contains", other[0]) for text, other in pairwise([*_alike(), "o", "ø", "o"])
    ]
    assert sum(one.finds for one in searches) < 50
    assert await _wrong(api, searches) == []


def _drawn() -> list[Search]:
    random = Random(7)

    def text(length: int) -> str:
        chars = [random.choice(ALPHABET) for _ in range(length)]
        return "".join(
            char + (random.choice(MARKS) if random.random() < 0.15 else "") for char in chars
        )

    def other(part: str) -> str:
        change = random.choice(
            [str.upper, str.lower, fold, str, _decomposed, _composed, lambda one: one + "\u0301"]
        )
        return change(part)

    found: list[Search] = []
    for number in range(600):
        whole = f"{text(random.randint(1, 12))}{number:03}"[:: random.choice([1, 1, 1, -1])]
        spelled = random.choice([str, _decomposed, _composed])(whole)
        start = random.randint(0, len(whole) - 1)
        part = whole[start : start + random.randint(1, 5)]
        if random.random() < 0.2:
            part = text(1)
        operator = random.choice(list(_FINDS))
        if operator == "_starts_with" and random.random() < 0.7:
            part = whole[: random.randint(1, 4)]
        if operator == "_ends_with" and random.random() < 0.7:
            part = whole[-random.randint(1, 4) :]
        found.append(Search(spelled, operator, other(part)))
    return found


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@pytest.mark.may_block
async def test_texts_of_all_scripts_are_found_alike(api: Api) -> None:
    searches = list({one.text: one for one in _drawn()}.values())
    assert 150 < sum(one.finds for one in searches) < 500
    assert await _wrong(api, searches) == []


# Letters that are made of parts, in texts where the parts may stand alone.
PARTS: list[tuple[str, str, bool]] = [
    ("か\u3099", "か", False), ("が", "か", False), ("か\u3099", "が", True),
    ("が", "か\u3099", True), ("か", "が", False), ("か\u0301き", "か", True),
    ("か\u0301\u3099", "か", False),
    ("\u1100\u1161\u11a8", "가", False), ("\u1100\u1161\u11a8", "각", True), ("각", "가", False),
    ("가\u11a8", "각", True), ("가\u11a8", "가", False), ("가", "\u1100", False),
    ("\u1100\u1161", "가", True), ("가나", "\u1100\u1161\u1102\u1161", True), ("가ㄱ", "가", True),
    ("ا\u0653", "ا", False), ("آ", "ا", False), ("آ", "ا\u0653", True), ("اب", "ا", True),
    ("שׁ", "ש", True), ("ש\u05c1", "שׁ", True), ("שׁ", "\u05c1", True), ("\ufb2c", "\u05bc", True),
    ("क़", "क", True), ("क\u093c", "क़", True), ("ऩ", "न", False), ("न\u093c", "न", False),
    ("e\u0301", "É", True), ("E\u0323\u0302", "ệ", True), ("ﬁ", "f", False), ("fi", "ﬁ", False),
    ("ß", "s", False), ("ẞ", "ß", True), ("ø", "o", False), ("đ", "d", False), ("ł", "l", False),
    ("İ", "i", True), ("ı", "i", False), ("ΌΣ", "ος", True), ("οσα", "ΟΣ", True), ("й", "и", True),
    ("Å", "å", True), ("K", "k", True), ("Ａ", "a", False), ("①", "1", False), ("½", "1", False),
]  # fmt: skip


async def test_letters_made_of_parts(api: Api) -> None:
    searches = [
        Search(f"{number:02}{text}", "_contains", needle)
        for number, (text, needle, _) in enumerate(PARTS)
    ]
    assert [one.finds for one in searches] == [finds for *_, finds in PARTS]
    assert await _wrong(api, searches) == []


async def test_long_searches(api: Api) -> None:
    await api.define("word", "content text!")
    syllables = "".join(map(chr, range(0xAC00, 0xAC00 + 500)))
    texts: list[Any] = [
        "ö" * 499 + "b",
        syllables,
        "a" * 500,
        "".join(map(chr, range(0xC0, 0x17F))),
    ]
    await api.create("/word", [{"content": f"x{text}y"} for text in texts])
    for number, text in enumerate(texts, 1):
        where = {"content": {"_contains": unicodedata.normalize("NFC", fold(text))}}
        rows = await api.rows("/word", filter=where)
        assert [row["id"] for row in rows] == [number]
    answer = await api.get("/word", filter={"content": {"_contains": "a" * 501}})
    assert (answer.status, answer.code) == (400, "INVALID_VALUE")
    assert "at most 500 characters" in answer.message


async def test_lists_of_texts_are_searched_alike(api: Api) -> None:
    await api.define("word", "labels array-select")
    await api.create("/word", [{"labels": ["Ø", "x"]}, {"labels": ["Ô", "가"]}, {"labels": ["각"]}])
    for needle, keys in (("o", [2]), ("ø", [1]), ("X", [1]), ("가", [2]), (".", []), ("\\", [])):
        rows = await api.rows("/word", filter={"labels": {"_contains": needle}})
        assert [row["id"] for row in rows] == keys, needle
