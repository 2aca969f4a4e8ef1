"""Addresses that only look like others are known; names of every script are not."""

import pytest

from deliverability.homographs import is_homograph


@pytest.mark.parametrize(
    ("local", "domain"),
    [
        ("ann", "pаypal.com"),  # a Cyrillic а
        ("ann", "xn--pypal-4ve.com"),  # the same, as DNS has it
        ("ann", "gοοgle.com"),  # Greek
        ("ann", "раусе.com"),  # all of it Cyrillic, all of it looks Latin
        ("ann", "mail.аррӏе.com"),
        ("аnn", "example.org"),
        ("ann", "exаmple.org"),
    ],
)
def test_letters_that_stand_for_others_are_seen(local: str, domain: str) -> None:
    assert is_homograph(local, domain)


@pytest.mark.parametrize(
    ("local", "domain"),
    [
        ("ann", "example.org"), ("a.b-c+d", "xn--bcher-kva.example"), ("jürgen", "bücher.example"),
        ("почта", "пример.рф"), ("иван", "example.com"), ("ann", "пример.com"), ("נועה", "דוגמה.example"),
        ("ann", "漢字かなカナ.example"), ("ann", "東京tower.example"), ("ann", "한국kr.example"), ("ann", "xn--zzzz.example"),
        ("1", "123.example"), ("ann", "παράδειγμα.ελ"), ("ann", "例え.テスト"), ("Łukasz", "żółw.pl"),
    ],
)  # fmt: skip
def test_names_of_every_script_are_ordinary(local: str, domain: str) -> None:
    assert not is_homograph(local, domain)
