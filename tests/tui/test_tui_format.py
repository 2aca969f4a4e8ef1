"""Text, numbers and times in cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.format import cells, clock, cut, fit, lab_offset, number, safe, short, size, span, wrap
from tui.ink import Ink, line, rule

ANY = st.text(st.characters(exclude_categories=[]))
HOUR = 3_600_000


@given(ANY, st.integers(0, 40))
def test_fitted_text_is_as_wide_as_asked_whatever_it_is(text: str, width: int) -> None:
    assert cells(fit(text, width)) == width
    assert cells(fit(text, width, right=True)) == width


@given(ANY, st.integers(0, 40))
def test_cut_text_is_never_wider_than_asked(text: str, width: int) -> None:
    assert cells(cut(text, width)) <= width


@given(ANY, st.integers(2, 40))
def test_wrapped_text_is_never_wider_and_loses_no_letter(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert lines
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == safe(text).replace(" ", "")


@given(st.lists(st.tuples(st.text("ab購 ", max_size=9), st.sampled_from(Ink)), max_size=12), st.integers(20, 40))
def test_a_folded_line_is_never_wider_and_loses_no_letter(runs: list[tuple[str, Ink]], width: int) -> None:
    folded = line(*runs).folded(width)
    assert all(each.width <= width for each in folded)
    assert "".join(each.text for each in folded).replace(" ", "") == "".join(text for text, _ in runs).replace(" ", "")


def test_a_line_is_folded_to_exactly_the_room() -> None:
    assert [each.text.rstrip() for each in line("ab cd ef gh").folded(5)] == ["ab cd", "ef gh"]


def test_a_wide_letter_is_not_cut_in_two() -> None:
    assert fit("您的購物車", 6) == "您的… "
    assert cells(fit("您的購物車", 6)) == 6


def test_a_tower_of_marks_is_cut_down() -> None:
    assert safe("Z" + "\u0334" * 1000) == "Z" + "\u0334" * 4


def test_a_joined_family_is_shown_as_its_members_so_that_every_terminal_agrees_on_its_width() -> None:
    assert safe("👨\u200d👩\u200d👧") == "👨👩👧"


def test_words_are_kept_whole_where_they_fit_and_indents_stay() -> None:
    assert wrap("421 4.7.28 Our system has", 12) == ["421 4.7.28", "Our system", "has"]
    assert wrap("    1 coat", 20) == ["    1 coat"]
    assert wrap("    1 coat", 8) == ["1 coat"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0"), (12_431, "12,431"), (99_999, "99,999"), (124_310, "124k"), (1_240_000, "1.2M"), (31 * 10**9, "31G")],
)
def test_a_count_takes_six_cells_at_most(count: int, shown: str) -> None:
    assert short(count) == shown
    assert len(shown) <= 6


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(-5, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (3 * HOUR + 300_000, "3 h 05 m"), (48 * HOUR, "2 d")],
)
def test_a_span_is_told_in_its_largest_unit(milliseconds: int, shown: str) -> None:
    assert span(milliseconds) == shown


def test_a_time_has_its_date_when_it_is_another_day() -> None:
    now = 1_795_305_731_000
    assert clock(now) == clock(now, now) == "00:02:11"
    assert clock(now - HOUR, now) == "Nov 21 23:02"


@pytest.mark.parametrize("at_ms", [-(10**18), -1, 0, 10**18])
def test_no_time_is_too_strange_to_be_shown(at_ms: int) -> None:
    assert clock(at_ms)


def test_numbers_sizes_and_the_lab_clock_are_told_with_units() -> None:
    assert (number(12431), size(512), size(14_541), size(3_250_586)) == ("12,431", "512 B", "14.2 KiB", "3.1 MiB")
    assert (lab_offset(7200), lab_offset(-60)) == ("+2 h 00 m", "-1 min")


def test_a_line_that_is_cut_says_so_once() -> None:
    told = line(("mail.shop.example", Ink.TEXT), (" · ", Ink.RULE), ("operator", Ink.DIM))
    assert told.cropped(18).text == "mail.shop.example…"
    assert told.cropped(10).text == "mail.shop…"


@pytest.mark.parametrize("chip", ["", "421"])
def test_a_title_and_its_note_are_cut_only_where_both_have_no_room(chip: str) -> None:
    beside = len(f" {chip}  four ──") if chip else len(" four ──")
    title = "a" * (60 - 4 - beside)
    assert rule(title, 60, "four", chip).text.startswith(f"── {title} ")
    assert rule("Steps", 60, "n" * 41, chip).text.endswith(f" {'n' * 41} ──")
    assert rule("t" * 56, 60).text.rstrip() == "── " + "t" * 56
    for width in range(12, 80):
        assert rule("t" * 40, width, "n" * 40, chip).width <= width


def test_what_follows_a_label_goes_on_under_what_it_says() -> None:
    told = line(("held by     ", Ink.DIM), ("pause", Ink.WAIT), ": our systems have seen too much")
    assert [each.text.rstrip() for each in told.folded(30)] == [
        "held by     pause: our systems", "            have seen too much",
    ]  # fmt: skip
    place = line(("set by      ", Ink.DIM), "deliverability/bounces/rules.toml")
    assert "rules.toml" in place.folded(36)[-1].text  # no word is broken for it
