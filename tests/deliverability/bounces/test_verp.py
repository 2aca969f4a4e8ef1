"""Reverse-paths that only we can make."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.address import Address
from deliverability.bounces.verp import MAX_DELIVERY_ID, Expired, Forged, TokenKey, read_token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = TokenKey(b"k" * 32)


def local_part(delivery_id: int = 41, key: TokenKey = KEY, expires: date = NOW) -> str:
    return Address.parse(key.make(delivery_id, expires, "bounce.shop.example")).local


@given(st.integers(0, MAX_DELIVERY_ID))
def test_a_token_names_its_delivery_in_any_case(delivery_id: int) -> None:
    local = local_part(delivery_id)
    assert len(local) <= 64
    assert KEY.read(local, NOW) == KEY.read(local.upper(), NOW) == KEY.read(local.title(), NOW) == delivery_id


def test_the_same_delivery_and_day_give_the_same_reverse_path() -> None:
    assert KEY.make(41, NOW, "b.example") == KEY.make(41, NOW + timedelta(hours=3), "b.example")
    assert KEY.make(41, NOW, "b.example") == KEY.make(41, NOW.date(), "b.example")


def test_a_token_counts_to_the_end_of_its_day_and_not_longer() -> None:
    local = local_part(expires=NOW)
    assert KEY.read(local, NOW.replace(hour=23, minute=59)) == 41
    assert KEY.read(local, NOW.replace(hour=0) + timedelta(days=1)) == Expired(41)


@given(st.integers(2, 41), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_letter_can_be_changed(position: int, letter: str) -> None:
    local = local_part()
    changed = local[:position] + letter + local[position + 1 :]
    assert changed == local or KEY.read(changed, NOW) == Forged()


@pytest.mark.parametrize(
    "local", ["", "b+", "ann", "b+" + "a" * 40, "b+" + "1" * 40, "b+" + "é" * 40, "c+" + "a" * 40, "b+a"]
)
def test_what_we_did_not_make_is_forged(local: str) -> None:
    assert KEY.read(local, NOW) == Forged()


@given(st.text(max_size=80))
def test_any_text_is_read_without_trouble(local: str) -> None:
    assert KEY.read(local, NOW) == Forged()


def test_keys_change_and_older_tokens_live_on() -> None:
    newer = TokenKey(b"n" * 32, version=2)
    assert read_token(local_part(key=KEY), (newer, KEY), NOW) == 41
    assert read_token(local_part(key=newer), (newer, KEY), NOW) == 41
    assert newer.read(local_part(key=KEY), NOW) == Forged()
    assert TokenKey(b"x" * 32).read(local_part(key=KEY), NOW) == Forged()


def test_a_mac_for_one_purpose_is_worth_nothing_for_another() -> None:
    assert KEY.mac("reverse-path", b"payload") != KEY.mac("unsubscribe", b"payload")


def test_a_weak_key_or_an_impossible_delivery_is_refused_and_the_secret_not_shown() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        TokenKey(b"short")
    with pytest.raises(ValueError, match="48 bits"):
        KEY.make(2**48, NOW, "b.example")
    assert "kkk" not in repr(KEY)
