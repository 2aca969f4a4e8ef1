"""TOML that people write is read or refused in words, whatever tomllib makes of it."""

import pytest

from deliverability.toml_text import TomlFault, read_toml


@pytest.mark.parametrize(
    ("text", "words"),
    [("a =", "Invalid value"), ("a = " + "9" * 5000, "4300 digits"), ("a = " + "[" * 20_000, "nested too deeply")],
)
def test_what_is_no_toml_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(TomlFault, match=words):
        read_toml(text)


def test_what_is_toml_is_read() -> None:
    assert read_toml("a.b = 1") == {"a": {"b": 1}}
