"""Mode 7, by keys: the tree, a mail as each reader gets it, what a lint finds, the editor, a test."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from canned.mail import FILES, digest
from textual import events
from tui_stage import Stage, stage

from engine.control.protocol.mails import MailProof, MailRow, Mails
from tui.ink import Target, plain
from tui.pages import mails
from tui.widgets.editor import Editor, spans
from tui.widgets.page import Page


@asynccontextmanager
async def at_mail(
    folder: Path, *keys: str, size: tuple[int, int] = (80, 24), read_only: bool = False
) -> AsyncIterator[Stage]:
    async with stage(folder, size, read_only=read_only) as one:
        await one.press("7")
        await one.see("abandoned-cart", "cart-reminder")
        await one.press(*keys)
        yield one


async def test_the_tree_shows_recipes_with_their_mails_and_enter_folds_one(tmp_path: Path) -> None:
    async with at_mail(tmp_path) as one:
        await one.see(
            "▾ abandoned-cart", "cart-coupon", "◆ yours", "✗ broken", "not in a recipe", "shared by all mails"
        )
        await one.press("enter")
        await one.see("▸ abandoned-cart")
        await one.until(lambda: "there is no screen" not in one.text)
        await one.until(lambda: "cart-coupon" not in one.text)
        await one.press("slash", *"thanks")
        await one.see("order-thanks", "1 mail ·")
        await one.until(lambda: "cart-coupon" not in one.text)


async def test_a_wide_terminal_shows_the_mail_under_the_cursor(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", size=(160, 48)) as one:
        await one.see("subject   Your cart is waiting", "[usual]", "[en]")
        await one.press("greater_than_sign")
        await one.see("העגלה שלך עדיין כאן", "[he]")


async def test_keys_change_language_and_reader_and_hebrew_stands_at_the_right(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Mail › cart-reminder", "Hello Ann Archer", "30.5 KiB in all")
        await one.press("greater_than_sign")
        await one.see("עברית · usual")
        assert any(
            row.rstrip().endswith("שלום נועה לוי,") and row.startswith(" " * 20) for row in one.text.splitlines()
        )
        await one.press("less_than_sign", "less_than_sign")
        await one.see("繁體中文", "林怡君")
        await one.press("c")
        await one.see("· longest")
        assert any("reader=longest" in each for each in one.daemon.asked)


async def test_a_real_contact_can_be_chosen_and_one_that_is_none_is_said(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("a")
        await one.see("As a contact gets it")
        await one.press(*"x@y.example", "enter")
        await one.see("✗ x@y.example is no contact")
        await one.press("a")
        await one.see("As a contact gets it")
        await one.press(*"dana@shop.example", "enter")
        await one.see("[dana@shop.example]")


async def test_what_a_lint_finds_has_file_and_line_and_enter_opens_the_editor_there(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("f")
        await one.see("2 found", "mail/cart-reminder.toml:7", "quotes")
        await one.press("enter")
        await one.see("Mail › mail/cart-reminder.toml", "subject = ")


async def test_a_verb_is_about_the_mail_under_the_cursor_and_not_the_one_that_is_still_shown(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", size=(160, 48)) as one:
        await one.see("Hello Ann Archer", "mail/cart-reminder.toml")
        for each in ("k", "D"):
            one.app.post_message(events.Key(each, each))
        await one.see("every file of this mail is as it comes with Posthouse", "mail/cart-coupon.toml")
        assert one.daemon.done == []


async def test_a_mail_that_was_opened_is_a_view_to_come_back_to(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "greater_than_sign", "enter") as one:
        await one.see("Mail › cart-reminder")
        await one.press("left_square_bracket")
        await one.see("── Mail ──")
        await one.press("right_square_bracket")
        await one.see("Mail › cart-reminder")


async def test_the_difference_from_ours_is_shown(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("d")
        await one.see("+subject", "-subject")


async def test_a_mail_that_cannot_be_written_says_why_and_where(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "slash", *"spring", "enter", "j", "enter") as one:
        await one.see("It can't be written", "✗ nothing is not among the facts", "mail/spring.html.j2:12")


async def test_a_file_is_edited_kept_and_judged_and_u_takes_it_back(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("e")
        await one.see("Which part")
        await one.press("l", "enter")
        await one.see("Mail › mail/cart-reminder.html.j2", "{% block content %}")
        await one.press("down", *"{{ contct.name }}", "ctrl+s")
        await one.see("is kept: 1 fault", "✗ mail/cart-reminder.html.j2:2 contct is nothing")
        name, body = one.daemon.done[-1]
        source = FILES["mail/cart-reminder.html.j2"]
        assert name == "mail/save" and body["digest"] == digest(source)
        assert body["source"] == source.replace("{% block", "{{ contct.name }}{% block", 1)
        await one.press("escape")
        await one.see("Mail › cart-reminder")


async def test_a_file_that_is_only_read_says_so_to_whoever_types(tmp_path: Path) -> None:
    async with stage(tmp_path, read_only=True) as one:
        one.app.open(Target("mail-file", "mail/cart-reminder.html.j2"))
        await one.see("{% block content %}")
        for key in ("x", "q", "ctrl+o"):
            one.app.unsay()
            await one.press(key)
            await one.see("this terminal is read-only", "{% block content %}")
        await one.press("escape")
        await one.see("41,204 contacts")


@pytest.mark.parametrize("end", ["ctrl+s", "escape"])
async def test_of_what_is_typed_in_one_burst_nothing_is_left_out_or_behind(tmp_path: Path, end: str) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("e")
        await one.see("Which part")
        await one.press("l", "enter")
        await one.see("Mail › mail/cart-reminder.html.j2", "{% block content %}")
        for each in ("a", "b", "c", end):
            one.app.post_message(events.Key(each, each if len(each) == 1 else None))
        if end == "escape":
            await one.see("Leave without keeping", "▸ Cancel ◂")
            return
        await one.until(lambda: one.daemon.done)
        assert one.daemon.done[-1][1]["source"].startswith("abc")


@pytest.mark.parametrize("after", ["ctrl+s", "escape"])
async def test_a_file_that_is_being_kept_is_kept_to_its_end(tmp_path: Path, after: str) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("e")
        await one.see("Which part")
        await one.press("enter")
        await one.see("about = ")
        gate, keep = asyncio.Event(), one.daemon.acts["mail/save"]

        async def slowly(body: Mapping[str, Any]) -> object:
            await gate.wait()
            return keep(body)

        one.daemon.acts["mail/save"] = slowly
        await one.press("x", "ctrl+s", after)
        gate.set()
        if after == "escape":
            await one.see("Mail › cart-reminder")
        else:
            await one.see("is kept")
            await one.press("y", "ctrl+s")
            await one.until(lambda: len(one.daemon.done) == 2)
            assert one.daemon.done[1][1]["digest"] == digest(one.daemon.done[0][1]["source"])
        assert "ctrl+s keeps it" not in one.text and "Leave without" not in one.text


async def test_what_was_changed_is_not_left_behind_without_a_question(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("e")
        await one.see("Which part")
        await one.press("enter")
        await one.see("about = ")
        await one.press(*"x", "escape")
        await one.see("Leave without keeping", "▸ Cancel ◂")
        await one.press("enter")
        await one.see("changed · ctrl+s keeps it")
        await one.press("escape")
        await one.see("▸ Cancel ◂")
        await one.press("l", "enter")
        await one.see("Mail › cart-reminder")
        assert not one.daemon.done


async def test_the_operator_s_own_editor_gets_the_file_and_what_it_made_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nsed -i 's/waiting/here/' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        monkeypatch.setattr(type(one.app), "suspend", _nothing)
        await one.press("E")
        await one.see("Which part")
        await one.press("enter")
        await one.see("is kept: all right")
        assert 'subject = "Your cart is here"' in one.daemon.done[-1][1]["source"]


@staticmethod
def _nothing() -> "os.PathLike[str]":
    from contextlib import nullcontext

    return nullcontext()  # type: ignore[return-value]


async def test_a_status_of_two_lines_moves_no_page_that_is_read_away_from_its_cursor(tmp_path: Path) -> None:
    async with at_mail(tmp_path, "j", "j", "enter", size=(80, 20)) as one:
        await one.see("Hello Ann Archer")
        page = one.app.screen.query_one("#mail", Page)
        rows = page.body_rows
        await one.until(lambda: page.first_row == 0 and page.cursor >= rows)  # a file, far below
        one.app.say("two lines of it " * 8)
        await one.until(lambda: page.body_rows < rows)
        assert page.first_row == 0


async def test_a_status_of_two_lines_hides_no_line_that_is_written(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.app.open(Target("mail-file", "mail/cart-reminder.toml"))
        await one.until(lambda: one.app.screen.query(Editor) and one.app.screen.query_one(Editor).text)
        editor = one.app.screen.query_one(Editor)
        editor.text += "# a line\n" * 40
        await one.press("ctrl+end", *"zzz")
        await one.see("zzz")
        rows = editor.size.height
        one.app.say("said " * 30)
        await one.until(lambda: editor.size.height < rows)
        await one.see("zzz")


async def test_a_test_asks_for_address_and_language_and_nothing_leaves_a_terminal_that_only_reads(
    tmp_path: Path,
) -> None:
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("T")
        await one.see("Send cart-reminder as a test")
        await one.press(*"me@shop.example", "enter", "l", "enter", "enter")
        await one.see("goes to me@shop.example")
        assert one.daemon.done == [
            (
                "mail/test",
                {
                    "mail": "cart-reminder",
                    "address": "me@shop.example",
                    "locale": "he",
                    "reader": "usual",
                    "by": "dana",
                },
            )
        ]
    async with at_mail(tmp_path, "j", "j", "enter", read_only=True) as one:
        await one.see("Hello Ann Archer")
        await one.press("T")
        await one.see("this terminal is read-only")


async def test_the_html_goes_into_a_file_that_only_its_owner_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with at_mail(tmp_path, "j", "j", "enter") as one:
        await one.see("Hello Ann Archer")
        await one.press("o")
        await one.see("its HTML is in")
    path = tmp_path / "posthouse" / "mail" / "cart-reminder.en.html"
    assert path.read_text().startswith("<!doctype html>") and path.stat().st_mode & 0o777 == 0o600


def test_a_file_with_signs_that_no_terminal_shows_is_not_edited_here() -> None:
    from engine.control.clean import clean_answer
    from engine.control.protocol.mails import MailFileText
    from tui.screens.mail_files import is_whole

    source = 'subject = "\u200fשלום"\n'
    text = MailFileText(0, "mail/x.toml", source, digest(source))
    assert is_whole(text) and not is_whole(clean_answer(text))


def test_every_line_of_every_page_fits_its_width() -> None:
    text = "Привет " * 30 + "\n\n您好" * 60 + "\nhttps://shop.example/" + "x" * 200
    for direction in ("ltr", "rtl"):
        made = MailProof(
            0, "m", "he", "עברית", direction, "usual", "marketing", "a@b.example", "s" * 200, "p", text, "x", 9
        )
        for width in (20, 40, 80):
            assert all(each.width <= width for each in mails.text(made, width))


def test_a_mail_of_two_flows_stands_with_both_and_one_of_none_by_itself() -> None:
    rows = (MailRow("a", "", "marketing", flows=("one", "two")), MailRow("b", "", "marketing"))
    said = [(each.kind, each.name) for each in mails.tree(Mails(0, rows))]
    assert said == [
        ("branch", "one"), ("mail", "a"), ("branch", "two"), ("mail", "a"), ("branch", "not in a recipe"), ("mail", "b"),
    ]  # fmt: skip


def test_highlighting_never_says_a_place_that_is_not_in_the_text() -> None:
    for lexer, text in (
        ("html+jinja", FILES["mail/cart-reminder.html.j2"]),
        ("toml", "a = 3\n[he]\nb = 'x\ny'"),
        ("jinja", "{{ x"),
    ):
        lines = text.split("\n")
        for row, found in spans(text, lexer).items():
            assert all(0 <= start < end <= len(lines[row]) for start, end, _ in found)


def test_a_proof_is_plain_text_too() -> None:
    made = MailProof(
        0, "m", "en", "English", "ltr", "usual", "marketing", "a@b.example", "Hi", "There", "Hello\n\nBye", "x", 9
    )
    assert "subject   Hi" in plain(mails.proof(made, 60))
