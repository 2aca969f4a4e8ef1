"""A command on many deliveries is one act, as far as one can be: what `posthouse undo` takes back is all of it."""

from typing import Any

import pytest

from engine.commands import queue, run
from engine.control.protocol.acts import Done


@pytest.mark.parametrize(
    "words",
    [
        ["hold", "--site", "mx.example"],
        ["cancel", "--site", "mx.example", "--why", "x", "--grace", "60s"],
        ["restore", "1-2-3"],
    ],
    ids=lambda words: words[0],
)
def test_as_much_as_can_be_is_done_at_once_and_the_rest_is_asked_for(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    class Daemon:
        def post(self, path: str, body: dict[str, Any]) -> Done:
            asked.append(body)
            return Done("7 deliveries held", {"changed": 7, "after": "" if len(asked) > 1 else "5.6"})

    monkeypatch.setattr(queue, "ask", lambda socket, question: question(Daemon()))
    assert run(["queue", *words]) == 0
    assert [(each["whole"], each["after"]) for each in asked] == [(True, ""), (True, "5.6")]
    assert "14 deliveries" in capsys.readouterr().out
