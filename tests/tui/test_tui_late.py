"""Keys typed while an answer of the daemon is still to come: each is about what that answer brings, or about nothing."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import isawaitable
from pathlib import Path
from typing import Any, cast

import pytest
from tui_stage import Stage, _key, stage

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.journal import Acts
from engine.control.protocol.queue import Messages
from tui.screens.deliveries import DeliveriesScreen
from tui.screens.house import HouseScreen
from tui.session import Watch


def _burst(one: Stage, *keys: str) -> None:
    """Typed before anything of it is heard."""
    for each in keys:
        one.app.post_message(_key(each))


def _late(answers: dict[str, Any], path: str) -> asyncio.Event:
    """What is answered there is answered when this is set."""
    real, gate = answers[path], asyncio.Event()

    async def answer(*words: Any) -> object:
        await gate.wait()
        found = real(*words)
        return await found if isawaitable(found) else found

    answers[path] = answer
    return gate


def _screens(one: Stage) -> list[str]:
    return [type(each).__name__ for each in one.app.screen_stack]


def _done(body: Mapping[str, Any]) -> Done:
    return Done("it was done", {"act": 7})


async def test_a_verb_behind_another_kind_of_rows_is_about_the_row_that_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.acts["shaping/resume"] = _done
        await one.press("2")
        await one.see("outlook.example")
        _burst(one, "v", "v", "O", "enter")
        await one.see("── Queue › transactional")
        assert one.daemon.done == [("shaping/resume", {"scope": "stream", "name": "transactional", "by": "dana"})]


async def test_what_stands_beside_a_site_is_about_it_before_a_key_is(tmp_path: Path) -> None:
    async with stage(tmp_path, (160, 48)) as one:
        answer = one.daemon.answers["/v1/messages"]

        def numbered(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            found = cast(Messages, answer(query, words))
            rows = tuple(replace(each, delivery_id=len(query["site"]) * 1000) for each in found.rows)
            return replace(found, rows=rows)

        one.daemon.answers["/v1/messages"] = numbered
        await one.press("2")
        await one.see("reader0@gmail.com")
        gate = _late(one.daemon.answers, "/v1/messages")
        _burst(one, "j", "j", "tab", "H")
        await one.settle()
        assert one.daemon.done == []
        gate.set()
        await one.until(lambda: one.daemon.done)
        assert one.daemon.done[0][1]["deliveries"] == [len("qq.example") * 1000]


async def test_in_a_long_list_the_cursor_stays_on_its_row_wherever_that_is_now(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2", "enter", "j", "j")
        await one.see("▌ ○ queued     reader2@")
        answer = one.daemon.answers["/v1/messages"]

        def with_newer(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            found = cast(Messages, answer(query, words))
            newer = tuple(replace(found.rows[0], delivery_id=each, message_id=each) for each in range(3))
            return replace(found, rows=(*newer, *found.rows))

        one.daemon.answers["/v1/messages"] = with_newer
        one.daemon.push(queued=77)
        screen = cast(DeliveriesScreen, one.app.screen)
        await one.until(lambda: screen._messages.cursor == 5)
        await one.press("H")
        assert one.daemon.done == [("queue/hold", {"deliveries": [9002], "by": "dana"})]


async def test_what_was_marked_is_done_before_a_key_behind_is_heard(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.acts["queue/release"] = _done
        await one.press("2", "enter")
        await one.see("reader0@gmail.com")
        gate = _late(one.daemon.acts, "queue/hold")
        _burst(one, "space", "H", "R")
        await one.settle()
        gate.set()
        await one.until(lambda: len(one.daemon.done) == 2)
        assert [body["deliveries"] for _, body in one.daemon.done] == [[9000], [9001]]


async def test_a_form_that_waits_for_the_daemon_comes_where_it_was_asked_for(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("7", "j", "j")
        await one.see("── Mail ")
        gate = _late(one.daemon.answers, "/v1/mails/{name}")
        _burst(one, "e", "l", "enter", "escape", "2")
        await one.settle()
        assert one.app.current_mode == "mail"
        gate.set()
        await one.see("7 sites")
        assert _screens(one) == ["QueueScreen"]


async def test_the_reasons_come_before_the_key_that_closes_them(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("2", "enter")
        await one.see("reader0@gmail.com")
        gate = _late(one.daemon.answers, "/v1/messages/{id}/why")
        _burst(one, "w", "escape", "j")
        await one.settle()
        gate.set()
        await one.see("▌ ► in flight  reader1@")
        assert _screens(one) == ["QueueScreen", "SiteScreen"]


@pytest.mark.parametrize("mode", ["2", "3", "5"])
async def test_of_the_log_beside_nothing_is_said_before_it_has_come(tmp_path: Path, mode: str) -> None:
    async with stage(tmp_path, (160, 48)) as one:
        await one.press(mode)
        await one.until(lambda: not cast(HouseScreen, one.app.screen).is_awaited)
        one.daemon.answers["/v1/acts"] = lambda query, words: Acts(0, (), 0)
        gate = _late(one.daemon.answers, "/v1/acts")
        await one.press("w")
        assert "── Log" not in one.text and "nothing is written" not in one.text
        gate.set()
        await one.see("── Why ──", "── Log ──", "nothing is written down of it")


async def test_what_is_typed_for_a_form_that_does_not_come_is_nobody_s(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("7", "j", "j")
        await one.see("── Mail ")
        one.daemon.answers["/v1/mails/{name}"] = lambda query, words: Refused("it is gone")
        gate = _late(one.daemon.answers, "/v1/mails/{name}")
        _burst(one, "e", "l", "R")
        await one.settle()
        gate.set()
        await one.see("✗ it is gone")
        await one.press("question_mark")
        await one.see("What has the focus")
        assert one.daemon.done == []


async def _writing(one: Stage) -> None:
    await one.press("3", "enter")
    await one.see("Flows › abandoned-cart")
    await one.press("e")
    await one.see("sned: cart-reminder")


async def test_a_draft_that_is_left_is_kept_to_its_last_letter(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await _writing(one)
        gate = _late(one.daemon.acts, "flows/draft")
        await one.press("A")
        await one.until(lambda: any(path == "flows/draft" for path, _ in one.daemon.done))
        _burst(one, "Z", "escape", "escape", "2", "enter")
        await one.settle()
        gate.set()
        await one.see("Queue › gmail.com", "reader0@")
        assert [body["source"][:2] for path, body in one.daemon.done if path == "flows/draft"] == ["An", "AZ"]


async def test_a_draft_that_can_not_be_kept_is_not_left_without_a_question(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await _writing(one)
        one.daemon.acts["flows/draft"] = lambda body: Refused("the disk is full")
        await one.press("A", "escape", "escape")
        await one.see("Leave without keeping what was written?", "▸ Cancel ◂")
        await one.press("enter")
        await one.see("Flows › draft abandoned-cart", "Aname")
        await one.press("escape", "l", "enter")
        await one.until(lambda: _screens(one) == ["FlowsScreen", "FlowScreen"])


async def test_who_deploys_a_draft_is_led_to_its_flow_before_a_key_behind_is_heard(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.acts["flows/draft"] = lambda body: Done("kept", {"revision": 3, "faults": []})
        one.daemon.acts["flows/check"] = lambda body: Done("all right", {"faults": []})
        await _writing(one)
        await one.press("escape", "D")
        await one.see("▸ Cancel ◂")
        gate = _late(one.daemon.acts, "flows")
        _burst(one, "l", "enter")
        await one.until(lambda: not one.app.screen.is_modal)
        _burst(one, "2", "enter")
        await one.settle()
        gate.set()
        await one.see("Queue › gmail.com", "reader0@")
        assert _screens(one) == ["QueueScreen", "SiteScreen"]


async def test_who_had_the_focus_where_no_room_is_left_gives_the_keys_to_what_is_seen(tmp_path: Path) -> None:
    async with stage(tmp_path, (160, 48)) as one:
        await one.press("2")
        await one.see("reader0@gmail.com")
        await one.press("tab", "j")
        await one.pilot.resize_terminal(80, 24)
        await one.see("▌ ↻ back-off   gmail.com")
        await one.press("j", "enter")
        await one.see("Queue › mx.seznam.example")


@pytest.mark.parametrize("is_asked", [False, True])
async def test_who_waits_for_a_watch_waits_for_what_was_due_when_it_came(is_asked: bool) -> None:
    gate, asked = asyncio.Event(), list[str]()

    async def ask() -> None:
        asked.append("asked")
        await gate.wait()
        asked.append("answered")

    watch = Watch(ask)
    first: Callable[[], Any] = watch.nudge if is_asked else watch.settled
    tasks = [asyncio.create_task(each()) for each in (first, watch.nudge, watch.settled)]
    await asyncio.sleep(0)
    gate.set()
    await tasks[2]
    assert asked == ["asked", "answered"] * 2
    await asyncio.gather(*tasks)
