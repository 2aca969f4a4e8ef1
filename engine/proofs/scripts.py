"""Words in the letters of another language: Russian that stands in the Hebrew table, a Cyrillic letter within an English word,
Simplified characters in a Traditional text. Latin letters are looked at apart (engine.proofs.latin)."""

import re
from collections.abc import Collection
from functools import cache
from typing import Final

from babel.core import get_global

from engine.proofs.latin import without

_LETTERS: Final = {"Cyrl": "\u0400-\u04ff", "Hebr": "\u05d0-\u05ea", "Hani": "\u3040-\u30ff\u4e00-\u9fff"}
_HAN: Final = frozenset(("Hani", "Hans", "Hant", "Jpan", "Kore", "Hrkt"))
# Characters that every sentence of a shop has some of, and that are written in one of the two ways only.
_SIMPLIFIED: Final = (
    "们这个来时说过还进运远连对开关车东书长门问间见货购费贵买卖请谢认识话语读谁该让订单达选适邮钱银难题额页风飞饭馆马验"
)
_TRADITIONAL: Final = (
    "們這個來時說過還進運遠連對開關車東書長門問間見貨購費貴買賣請謝認識話語讀誰該讓訂單達選適郵錢銀難題額頁風飛飯館馬驗"
)
_OTHER_WAY: Final = {"Hans": _TRADITIONAL, "Hant": _SIMPLIFIED}


@cache
def script(tag: str) -> str:
    """The script that a language is written in, by CLDR's likely subtags: "Latn", "Hant"."""
    if named := next((each for each in tag.split("-")[1:] if len(each) == 4), ""):
        return named
    likely = get_global("likely_subtags")
    return str(likely.get(tag.replace("-", "_")) or likely.get(tag.partition("-")[0]) or "_Latn_").split("_")[1]


@cache
def _strange(tag: str) -> re.Pattern[str]:
    own = script(tag)
    family = "Hani" if own in _HAN else own
    others = "".join(letters for name, letters in _LETTERS.items() if name != family) + _OTHER_WAY.get(own, "")
    return re.compile(f"[{others}]+" if family == "Hani" else rf"[^\W\d_]*[{others}][^\W\d_]*")


def strange_words(tag: str, sentence: str, kept: Collection[str] = ()) -> list[str]:
    """Those that a sentence of this language has no business with, each once. `kept`: names that stay as they are."""
    return list(dict.fromkeys(_strange(tag).findall(without(sentence, kept))))
