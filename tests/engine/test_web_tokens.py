"""Tokens: one thing, one person, no guessing; every wrong one fails alike."""

import base64
from datetime import timedelta

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st

from engine.audience.tokens import BadToken, Purpose, Tokens

SECRET = b"a secret of thirty-two octets..."
TOKENS = Tokens(SECRET)
HOUR = timedelta(hours=1)


@given(st.lists(st.integers(0, 2**63 - 1), max_size=4), st.sampled_from(Purpose))
def test_a_token_gives_back_what_it_names(ids: list[int], purpose: Purpose) -> None:
    assert TOKENS.read(purpose, TOKENS.make(purpose, ids), NOON) == tuple(ids)


def test_a_token_without_an_end_works_in_thirty_years() -> None:
    token = TOKENS.make(Purpose.UNSUBSCRIBE, (7, 1))
    assert TOKENS.read(Purpose.UNSUBSCRIBE, token, NOON + timedelta(days=11_000)) == (7, 1)


def test_a_token_ends_when_it_says() -> None:
    token = TOKENS.make(Purpose.CONFIRM, (7, 1, 9), NOON + HOUR)
    assert TOKENS.read(Purpose.CONFIRM, token, NOON + HOUR) == (7, 1, 9)
    with pytest.raises(BadToken):
        TOKENS.read(Purpose.CONFIRM, token, NOON + HOUR + timedelta(seconds=1))


def test_another_purpose_or_another_secret_is_wrong() -> None:
    token = TOKENS.make(Purpose.CONFIRM, (7, 1))
    with pytest.raises(BadToken):
        TOKENS.read(Purpose.UNSUBSCRIBE, token, NOON)
    with pytest.raises(BadToken):
        Tokens(b"another secret of some octets...").read(Purpose.CONFIRM, token, NOON)


def test_tokens_of_an_older_secret_still_work() -> None:
    old = TOKENS.make(Purpose.UNSUBSCRIBE, (7, 0))
    assert Tokens(b"the secret after the change.....", [SECRET]).read(Purpose.UNSUBSCRIBE, old, NOON) == (7, 0)


def test_every_bit_counts() -> None:
    token = TOKENS.make(Purpose.CONFIRM, (7, 1, 1_790_000_000_000), NOON + HOUR)
    octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for at in range(len(octets) * 8):
        bent = bytearray(octets)
        bent[at // 8] ^= 1 << at % 8
        with pytest.raises(BadToken):
            TOKENS.read(Purpose.CONFIRM, base64.urlsafe_b64encode(bent).decode().rstrip("="), NOON)


def test_one_token_has_one_spelling() -> None:
    token = TOKENS.make(Purpose.UNSUBSCRIBE, (7, 1))
    octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twins = [token[:-1] + each for each in last if each != token[-1]]
    others = [token + "=", token + "\n", " " + token, token + token, token.swapcase(), token[:-1], token.encode().hex()]
    for text in [*twins, *others, "", "=", "é" * 40, "A" * 40, "A" * 5000, base64.b64encode(octets * 5).decode()]:
        with pytest.raises(BadToken) as wrong:
            TOKENS.read(Purpose.UNSUBSCRIBE, text, NOON)
        assert str(wrong.value) == "this link is not valid"


@given(st.text(max_size=140))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.read(Purpose.CONFIRM, text, NOON)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        Tokens(b"short")
