"""What tests rest on: mail is handed over as a mail server hands it over."""

import contextlib
import smtplib
from pathlib import Path

import house
import pytest
from house import Daemon


def answering(monkeypatch: pytest.MonkeyPatch, *codes: int) -> list[bytes]:
    """What comes to a daemon that says these, one after another."""
    left, came = list(codes), []

    def hand_over(smtp: object, sender: str, recipients: object, content: bytes) -> int:
        came.append(content)
        if (code := left.pop(0)) != 250:
            raise smtplib.SMTPResponseException(code, b"not now")
        return 7

    monkeypatch.setattr(house, "hand_over", hand_over)
    monkeypatch.setattr(Daemon, "smtp", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(Daemon, "is_running", True)
    return came


def test_what_is_told_to_come_again_comes_again_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came = answering(monkeypatch, 451, 451, 250)
    assert Daemon(tmp_path).submit("ann@example.org") == 7
    assert len(came) == 3 and len(set(came)) == 1


@pytest.mark.parametrize("code", [450, 452, 550])
def test_any_other_refusal_is_the_tests_to_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    came = answering(monkeypatch, code, 250)
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        Daemon(tmp_path).submit("ann@example.org")
    assert refused.value.smtp_code == code and len(came) == 1
