"""Verbs from the key to the daemon: form, dry run, what has to be typed, the status line, and taking it back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from canned import queue as canned_queue
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input
from tui_stage import Stage, stage

from engine.control.client import AsyncControl, ControlError
from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.queue import MessageRow, Messages
from engine.counts import deliveries
from tui.marks import Marked, Matching
from tui.screens.deliveries import messages_table
from tui.screens.form import FormScreen
from tui.screens.house import HouseScreen
from tui.screens.sure import SureScreen
from tui.session import Deed, Session
from tui.turns import Turns
from tui.verbs import Field, Intent, Ladder, Verb, at_fault, filled
from tui.widgets.table import Table


class Workshop(HouseScreen):
    """A screen with a verb of each kind, over the deliveries of one site."""

    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("H", "shop.hold", "hold", "hold"),
        Verb("X", "shop.cancel", "cancel", "cancel"),
        Verb("E", "shop.erase", "erase", "erase"),
        Verb("S", "shop.stop", "stop", "stop_why"),
        Verb("Z", "shop.never", "never", "never"),
    )

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield messages_table("rows")

    async def ask(self) -> None:
        found = await self.session.ask(Messages, "/v1/messages", {"site": "gmail.com"})
        self.title_line("Workshop", "")
        self.rows.show(found.rows, found.now_ms, Matching({"site": "gmail.com"}, found.total))

    @property
    def rows(self) -> Table[MessageRow]:
        return self.query_one("#rows", Table)

    def _which(self) -> dict[str, object]:
        marked = self.rows.marked
        return dict(marked.every.words) if marked.every else {"deliveries": [int(each) for each in marked.names]}

    def hold(self) -> Intent:
        marked = self.rows.marked
        return Intent(
            f"Hold {marked.told('delivery', 'deliveries')}", "queue/hold", self._which(), "posthouse queue hold 1"
        )

    async def cancel(self) -> Intent:
        return Intent("Cancel them", "queue/cancel", self._which(), "posthouse queue cancel", Ladder.DRY_RUN)

    def erase(self) -> Intent:
        return Intent("Erase dana", "erase", {}, "posthouse erase dana", Ladder.TYPED, typed="dana")

    def stop_why(self) -> Intent:
        asked = (Field("why", "Why", required=True), Field("for", "For", "1 day", ("1 day", "90 days")))
        return Intent("Stop it", "stop", {}, "posthouse stop --why {why} --for {for}", fields=asked)

    def never(self) -> str:
        return "the moon is full"


@asynccontextmanager
async def workshop(folder: Path, size: tuple[int, int] = (80, 24), **words: Any) -> AsyncIterator[Stage]:
    async with stage(folder, size, **words) as one:
        for name in ("queue/hold", "queue/cancel", "erase", "stop", "acts/undo"):
            one.daemon.acts[name] = _answer(name)
        one.app.push_screen(Workshop())
        await one.see("── Workshop", "reader0@gmail.com")
        yield one


def _answer(name: str) -> Any:
    def answer(body: Mapping[str, Any]) -> Done:
        if body.get("dry_run"):
            return Done("would cancel 3 deliveries to gmail.com\nof 2 flows", {"would": 3})
        return Done(f"{name} was done", {"act": 7, "undo": {"path": name, "body": {}}} if name != "acts/undo" else {})

    return answer


async def test_what_can_be_taken_back_happens_at_once_and_u_takes_it_back(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("H")
        await one.see("✓ queue/hold was done", "u undo")
        assert one.daemon.done == [("queue/hold", {"deliveries": [9000], "by": "dana"})]
        await one.press("u")
        await one.see("✓ undone: acts/undo was done")
        assert one.daemon.done[-1] == ("acts/undo", {"act": 7, "by": "dana"})
        await one.press("u")
        await one.see("nothing was done here that can be taken back")


async def test_what_is_typed_in_one_burst_is_done_one_after_the_other_and_u_takes_back_the_last(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        acts = iter(range(11, 20))
        one.daemon.acts["queue/hold"] = lambda body: Done(
            "held", {"act": next(acts), "undo": {"path": "x", "body": {}}}
        )
        for key in "HjHjHu":
            one.app.post_message(events.Key(key, key))
        await one.see("✓ undone: acts/undo was done")
        assert [body.get("deliveries") or body["act"] for _, body in one.daemon.done] == [[9000], [9001], [9002], 13]


async def test_what_is_typed_before_the_question_is_there_does_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        for key in "XuHjX":
            one.app.post_message(events.Key(key, key))
        await one.see("would cancel 3 deliveries", "▸ Cancel ◂")
        assert [body.get("dry_run") for _, body in one.daemon.done] == [True]
        await one.press("enter")
        await one.see("nothing was done")
        assert len(one.daemon.done) == 1


async def test_behind_a_question_it_is_said_that_the_daemon_went(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("S")
        await one.see("Why (has to be said)", "● live")
        await one.daemon.stop()
        await one.see("Why (has to be said)", "✗ away since", "no daemon. Start it")


async def test_a_bulk_act_shows_what_the_daemon_says_it_would_do_and_enter_cancels(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("asterisk", "X")
        await one.see("would cancel 3 deliveries", "$ posthouse queue cancel", "▸ Cancel ◂")
        await one.press("enter")
        await one.see("nothing was done")
        assert [body.get("dry_run") for _, body in one.daemon.done] == [True]
        await one.press("X")
        await one.see("▸ Cancel ◂")
        await one.press("l", "enter")
        await one.see("✓ queue/cancel was done")
        assert one.daemon.done[-1] == ("queue/cancel", {"site": "gmail.com", "by": "dana"})


async def test_the_answers_to_a_question_are_seen_in_a_small_terminal(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.pilot.resize_terminal(60, 12)
        would = "\n".join(f"line {number} of what it would do" for number in range(30))
        one.app.push_screen(SureScreen("Cancel them", would, "posthouse queue cancel"))
        await one.see("line 0 of", "▸ Cancel ◂", "Do it")
        one.app.pop_screen()
        one.app.push_screen(SureScreen("Erase dana", would, "posthouse erase dana", "dana"))
        await one.see("line 0 of", "type dana", "Cancel")


async def test_what_is_for_good_has_to_be_typed(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("E")
        await one.see("type dana")
        await one.press(*"dan", "enter")
        await one.see("✗ that is not dana")
        assert one.daemon.done == []
        await one.press("a", "enter")
        await one.see("✓ erase was done")


async def test_a_form_asks_first_and_insists_on_what_has_to_be_said(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("S")
        await one.see("Why (has to be said)", "‹ 1 day ›")
        await one.press("enter", "l", "enter")
        await one.see("✗ Why has to be said")
        await one.press(*"it's us", "enter", "enter")
        await one.see("✓ stop was done")
        assert one.daemon.done == [("stop", {"why": "it's us", "for": "90 days", "by": "dana"})]
        assert one.app.session.deeds[-1].intent.command == """posthouse stop --why 'it'"'"'s us' --for '90 days'"""
        await one.press("S", "escape")
        await one.see("nothing was done")


@pytest.mark.parametrize("key", ["tab", "enter", "down"])
async def test_what_is_typed_into_a_form_in_one_burst_stands_in_its_own_field(tmp_path: Path, key: str) -> None:
    async with workshop(tmp_path) as one:
        answers: list[Mapping[str, str] | None] = []
        form = FormScreen("Suppress", [Field("address", "Address", required=True), Field("why", "Why", required=True)])
        await one.app.push_screen(form, answers.append)
        for each in ("a", "n", "n", key, "s", "h", "e", "enter"):
            one.app.post_message(events.Key(each, each if len(each) == 1 else None))
        await one.until(lambda: answers)
        assert answers == [{"address": "ann", "why": "she"}]


@pytest.mark.parametrize("keys", [("right", "enter", "l", "l", "enter"), ("l", "tab", "right", "space", "enter")])
async def test_a_choice_in_one_burst_is_made_before_what_is_behind_it(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with workshop(tmp_path) as one:
        answers: list[Mapping[str, str] | None] = []
        words = ("first", "second", "third")
        form = FormScreen("Choose", [Field("one", "One", choices=words), Field("other", "Other", choices=words)])
        await one.app.push_screen(form, answers.append)
        for each in keys:
            one.app.post_message(events.Key(each, each if len(each) == 1 else None))
        await one.until(lambda: answers)
        assert answers == [{"one": "second", "other": "third"}]


async def test_a_form_rolls_in_a_low_terminal_to_what_has_the_focus_with_its_label(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.pilot.resize_terminal(50, 12)
        fields = [Field(f"f{number}", f"Label {number}", f"value {number}") for number in range(8)]
        answers: list[Mapping[str, str] | None] = []
        await one.app.push_screen(FormScreen("Which file?", fields[:1]), answers.append)
        await one.press("enter")
        await one.until(lambda: answers)
        await one.app.push_screen(FormScreen("Make a campaign", fields))
        await one.see("── Make a campaign", "Label 0", "value 0")
        for number in range(1, 8):
            await one.press("tab")
            await one.see(f"Label {number}", f"value {number}")
        await one.press("tab")
        await one.see("▸ Go on ◂")
        await one.press("tab")
        await one.see("▸ Cancel ◂")
        await one.press("tab")
        await one.see("Label 0", "value 0")


def test_a_refusal_is_about_the_field_that_it_names_first() -> None:
    fields = [Field("name", "Name", blamed=("already",)), Field("list", "List"), Field("subject", "Subject")]
    assert at_fault(fields, "subject: contact has no first_name; there are: name") == 2
    assert at_fault(fields, "there is a campaign may already") == 0
    assert at_fault(fields, "there is no list news") == 1
    assert at_fault(fields, "nothing fits") is None


async def test_letters_on_a_button_or_a_choice_go_nowhere(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("S")
        await one.see("Why (has to be said)")
        await one.press("up")  # round to Cancel
        await one.until(lambda: one.app.focused is not None and one.app.focused.id == "cancel")
        field = one.app.screen.query_one("#field-0", Input)
        for each in (*"tuesday", "tab", *"ann"):
            one.app.post_message(events.Key(each, each if len(each) == 1 else None))
        await one.until(lambda: "ann" in field.value)
        await one.press("enter")
        await one.until(lambda: one.app.focused is not None and one.app.focused.id == "field-1")
        for each in (*"xyz", "up"):
            one.app.post_message(events.Key(each, each if len(each) == 1 else None))
        await one.until(lambda: field.has_focus)
        await one.press("end", "o")
        await one.until(lambda: field.value.endswith("o"))
        assert field.value == "anno"


async def test_a_verb_that_can_not_be_done_says_why(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("Z")
        await one.see("Z never: the moon is full")
        assert one.daemon.done == []


async def test_what_the_daemon_refuses_is_said_and_nothing_else_happens(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        one.daemon.acts["queue/hold"] = lambda body: Refused("the queue is asleep", "wake it")
        await one.press("H")
        await one.see("✗ the queue is asleep. wake it")
        assert one.app.session.deeds == []


async def test_a_read_only_terminal_refuses_every_verb(tmp_path: Path) -> None:
    async with workshop(tmp_path, read_only=True) as one:
        await one.see("read-only")
        for key in "HXES":
            await one.press(key)
            await one.see("✗ this terminal is read-only")
        assert one.daemon.done == []


async def test_no_verb_is_heard_while_the_filter_has_the_focus(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("slash", *"HXES")
        await one.see("/HXES")
        assert one.daemon.done == []


async def test_space_marks_V_marks_a_range_and_escape_unmarks(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        table = one.app.screen.query_one("#rows", Table)
        await one.press("space", "j", "space")
        await one.see("marked: 2 rows", "•")
        assert table.marked.names == ("9000", "9002")
        await one.press("V", "j", "j")
        await one.see("marked: 5 rows, a range")
        await one.press("V", "H")
        await one.see("✓ queue/hold was done")
        assert one.daemon.done[-1][1]["deliveries"] == [9000, 9002, 9003, 9004, 9005]
        assert not table.marked.chosen
        await one.press("space", "escape")
        await one.until(lambda: not table.marked.chosen)
        await one.see("── Workshop")


@pytest.mark.parametrize(
    ("command", "answers", "filled_in"),
    [
        ("do {a} --why {why} --for {for}", {"a": "x y", "why": "it's", "for": ""}, "do 'x y' --why 'it'\"'\"'s'"),
        ("do {a} --why {why}", {"a": "{why}", "why": "b"}, "do '{why}' --why b"),
        ("do '{why}@shop.example' {a}", {"why": "b", "a": ""}, "do '{why}@shop.example' ''"),
    ],
)
def test_a_command_line_says_what_was_answered_and_no_more(
    command: str, answers: dict[str, str], filled_in: str
) -> None:
    assert filled(command, answers) == filled_in


async def test_taking_back_goes_on_where_the_daemon_went_away(tmp_path: Path) -> None:
    session, asked = Session(AsyncControl(tmp_path / "control.sock")), list[object]()
    steps = tuple(Done("1 held", {"act": act, "undo": {"path": "x"}, "changed": 1}) for act in (1, 2, 3))
    session.deeds.append(Deed(0, Intent("Hold them", "queue/hold"), steps))

    async def act(path: str, body: Mapping[str, object]) -> Done:
        asked.append(body["act"])
        if asked == [3, 2]:
            raise ControlError("no daemon", "Start it")
        return Done("released")

    session.act = act  # type: ignore[method-assign]
    with pytest.raises(ControlError):
        await session.undo()
    assert await session.undo() is not None
    assert asked == [3, 2, 2, 1]


async def test_a_range_is_what_lies_between_and_is_over_when_other_rows_come_there(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        table = one.app.screen.query_one("#rows", Table)
        await one.press("V", "j", "j", "j", "k", "k")
        assert table.marked.names == ("9000", "9001")
        rows = [row for index in range(6) if (row := table._rows[index]) is not None]
        fresh = replace(rows[0], delivery_id=8999, message_id=8999)
        table.show((fresh, *rows), 0, table._matching)
        await one.see("the range is over")
        await one.press("j", "j")
        assert table.marked.names == ("9000", "9001")
        await one.press("escape", "V", "j")
        table.show((rows[0],), 0, table._matching)
        await one.press("j", "k")
        assert table.row == rows[0]


async def test_a_star_marks_all_that_match_as_the_daemon_counted_them(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        table = one.app.screen.query_one("#rows", Table)
        await one.press("asterisk")
        await one.see(f"marked: all {canned_queue.TOTAL:,} rows that match")
        assert table.marked.every == Matching({"site": "gmail.com"}, canned_queue.TOTAL)
        await one.press("asterisk")
        await one.until(lambda: not table.marked.chosen)


async def test_a_bulk_act_of_several_steps_is_done_to_its_end_and_taken_back_whole(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        steps = iter(((5000, "1.2"), (7430, "3.4"), (1, "")))

        def hold(body: Mapping[str, Any]) -> Done:
            count, after = next(steps)
            return Done(
                f"{deliveries(count)} held", {"changed": count, "after": after, "act": count, "undo": {"path": "x"}}
            )

        one.daemon.acts["queue/hold"] = hold
        await one.press("asterisk", "H")
        await one.see("✓ 12,431 deliveries held (in 3 steps)")
        assert [body.get("after") for _, body in one.daemon.done] == [None, "1.2", "3.4"]
        await one.press("u")
        await one.see("✓ undone")
        assert [body["act"] for name, body in one.daemon.done if name == "acts/undo"] == [1, 7430, 5000]


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        (Marked(("1",)), "1 delivery"),
        (Marked(("1", "2")), "2 deliveries"),
        (Marked(every=Matching(count=1)), "the one delivery that matches"),
        (Marked(every=Matching(count=12_431)), "all 12,431 deliveries that match"),
        (Marked(every=Matching(count=9, exact=False)), "all at least 9 deliveries that match"),
    ],
)
def test_what_a_verb_is_about_in_words(marked: Marked, words: str) -> None:
    assert marked.told("delivery", "deliveries") == words


def test_a_verb_on_a_key_that_a_slip_may_hit_is_no_verb() -> None:
    for key in ("enter", "delete", "x", "backspace"):
        with pytest.raises(TypeError, match="no capital letter"):
            type("Wrong", (HouseScreen,), {"verbs": (Verb(key, "a.b", "b", "b"),)})


async def test_what_somebody_else_undid_is_said_once_and_u_goes_on_to_the_one_before(tmp_path: Path) -> None:
    async with workshop(tmp_path) as one:
        await one.press("H")
        await one.see("✓ queue/hold was done", "u undo")
        await one.press("j", "H")
        await one.until(lambda: len(one.app.session.deeds) == 2)
        was, one.daemon.acts["acts/undo"] = one.daemon.acts["acts/undo"], lambda body: Refused("undone already", "")
        await one.press("u")
        await one.see("✗ undone already")
        one.daemon.acts["acts/undo"] = was
        await one.press("u")
        await one.see("✓ undone: acts/undo was done")


async def test_what_was_done_last_and_can_not_be_taken_back_is_said_before_u_takes_back_what_was_before(
    tmp_path: Path,
) -> None:
    async with workshop(tmp_path) as one:
        await one.press("H")
        await one.see("✓ queue/hold was done", "u undo")
        one.daemon.acts["queue/hold"] = lambda body: Done("it has left", {"act": 8, "final": "it stays away"})
        await one.press("j", "H")
        await one.see("✓ it has left")
        await one.press("u")
        await one.see(
            "✗ it has left can't be taken back: it stays away. Once more takes back", "before it: queue/hold was"
        )
        assert [name for name, _ in one.daemon.done] == ["queue/hold", "queue/hold"]
        await one.press("u")
        await one.see("✓ undone: acts/undo was done")
        assert one.daemon.done[-1] == ("acts/undo", {"act": 7, "by": "dana"})


async def test_what_is_typed_in_one_burst_goes_into_the_fields_that_it_is_meant_for(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("6", "j", "j", "j", "j", "enter")
        await one.see("Bounces › suppression")
        await one.press("S")
        await one.see("Address", "Why")
        for key in (*"ann@d.example", "tab", *"she asked", "enter", *"9 days", "enter", "enter"):
            name = {" ": "space", "@": "at", ".": "full_stop"}.get(key, key)
            one.app.post_message(events.Key(name, key if len(key) == 1 else "\t" if key == "tab" else "\r"))
        await one.until(lambda: one.daemon.done)
        act, body = one.daemon.done[0]
        assert act == "suppression/add"
        assert (body["address"], body["why"], body["for"]) == ("ann@d.example", "she asked", "9 days")
        await one.see("Bounces › suppression")
        assert len(one.daemon.done) == 1


async def test_a_question_takes_back_that_the_daemon_is_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.turns.LATE_SECONDS", 0)
    async with stage(tmp_path) as one:
        await one.press("5", "s", "E")
        await one.see("Edit the segment buyers", "1,820 contacts")
        assert "being asked" not in one.text


async def test_that_the_daemon_is_asked_is_said_while_nobody_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.turns.LATE_SECONDS", 0)
    said: asyncio.Queue[str] = asyncio.Queue()
    taken_back: list[str] = []
    turns = Turns(said.put_nowait, taken_back.append)
    with turns.waiting("the daemon is being asked"):
        assert await said.get()
        with turns.asking():
            assert taken_back == ["the daemon is being asked"]
        assert await said.get()
    assert taken_back == ["the daemon is being asked"] * 2
    with turns.asking():
        pass
    assert said.empty()
