"""Durations and sizes as people write them, and the settings of the rules."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deliverability.settings import (
    BounceSettings,
    DkimSettings,
    Duration,
    RetrySettings,
    Settings,
    Size,
    format_duration,
    parse_duration,
    parse_size,
)


class Sample(Settings):
    wait: Duration = timedelta(minutes=1)
    room: Size = 1


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("5 days", timedelta(days=5)),
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(minutes=90)),
        ("1h 30 min", timedelta(minutes=90)),
        ("10 min", timedelta(minutes=10)),
        ("2 weeks", timedelta(weeks=2)),
        ("250ms", timedelta(milliseconds=250)),
        ("1.5 h", timedelta(minutes=90)),
        ("0s", timedelta()),
        (timedelta(hours=3), timedelta(hours=3)),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: object, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5 dyas", '"5 dyas" is not a duration (try "5 days")'),
        ("10 mintues", '"10 mintues" is not a duration (try "10 minutes")'),
        ("soon", '"soon" is not a duration (try "5 days")'),
        ("", '"" is not a duration (try "5 days")'),
        (90, '"90" is not a duration (try "90 minutes")'),
        ("5 days later", '"5 days later" is not a duration (try "5 days")'),
        ("-5h", '"-5h" is not a duration (try "5h")'),
        ("99999999d", '"99999999d" is longer than a hundred years'),
        ("99999999w", '"99999999w" is longer than a hundred years'),
        ("-5 days", '"-5 days" is not a duration (try "5 days")'),
        ("9999999 weeks", '"9999999 weeks" is longer than a hundred years'),
    ],
)
def test_a_misspelt_duration_is_answered_with_a_right_one(text: object, words: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_duration(text)
    assert str(refusal.value) == words


@given(st.timedeltas(timedelta(), timedelta(days=36_000)).map(lambda d: d - d % timedelta(milliseconds=1)))
def test_a_duration_written_and_read_is_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "octets"),
    [("32 MiB", 33_554_432), ("10KiB", 10_240), ("1 GiB", 2**30), ("25 MB", 25_000_000), (1024, 1024), ("7", 7)],
)
def test_a_size_is_octets(text: object, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["32 Mb/s", "big", "", "-1", -1, 1.5, True, None])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_settings_refuse_unknown_names_and_are_not_changed() -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"wiat": "5 days"})
    with pytest.raises(ValidationError):
        Sample().wait = timedelta(days=1)


def test_settings_are_read_from_and_written_as_text() -> None:
    sample = Sample.model_validate({"wait": "1h30m", "room": "2 KiB"})
    assert sample == Sample(wait=timedelta(minutes=90), room=2048)
    assert sample.model_dump(mode="json") == {"wait": "1h 30m", "room": 2048}


@pytest.mark.parametrize("section", [BounceSettings, DkimSettings, RetrySettings])
def test_every_setting_has_a_description_and_a_default(section: type[Settings]) -> None:
    section()
    assert all(field.description for field in section.model_fields.values())
