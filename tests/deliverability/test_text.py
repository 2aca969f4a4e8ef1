"""What may pass from a stranger to a log, a table or a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.text import clean, is_clean


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("עברית and 中文", "עברית and 中文"),
        ("two\r\nlines", "two  lines"),
        ("a\tb", "a b"),
        ("bell\x07 and \x1b[31mred", "bell? and ?[31mred"),
        ("C1 \x9b31m", "C1 ?31m"),
        ("line\u2028separator", "line separator"),
        ("right\u202eto left", "right?to left"),
        ("lone \udc80 surrogate", "lone ? surrogate"),
        ("a no-break\u00a0space stays", "a no-break\u00a0space stays"),
    ],
)
def test_control_characters_do_not_pass(given_text: str, shown: str) -> None:
    assert clean(given_text) == shown


@given(st.text())
def test_what_is_clean_is_one_line_of_utf8_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    assert is_clean(cleaned)
    assert clean(cleaned) == cleaned
    assert len(cleaned.splitlines()) <= 1
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
