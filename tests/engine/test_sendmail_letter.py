"""What sendmail makes of a program's mail: who it is from."""

import pytest

from engine.commands.letter import prepare
from engine.commands.sendmail_words import parse

TEXT = b"Subject: hi\n\nhello\n"


@pytest.mark.parametrize(
    ("words", "own", "sender"),
    [
        (["ann@example.org"], "hello@shop.example", "hello@shop.example"),
        (["ann@example.org"], "", "cron@mail.shop.example"),
        (["-f", "app@shop.example", "ann@example.org"], "hello@shop.example", "app@shop.example"),
        (["-f", "", "ann@example.org"], "hello@shop.example", ""),
    ],
)
def test_without_f_it_is_from_the_address_of_mail_from(words: list[str], own: str, sender: str) -> None:
    envelope, content = prepare(parse(words), TEXT, "mail.shop.example", "cron", own)
    assert envelope.sender == sender
    assert (b"From: " + (sender or "cron@mail.shop.example").encode() in content) or not sender


def test_the_command_is_run_as_every_other(capsys: pytest.CaptureFixture[str]) -> None:
    from engine.commands import run

    assert run(["sendmail", "--no-such-option"]) == 64
    assert "posthouse sendmail: " in capsys.readouterr().err
