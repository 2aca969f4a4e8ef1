"""What comes back is never lost for what is wrong with it, and what a door refuses is logged."""

import logging
from pathlib import Path

import pytest
from stream_door import hear

from engine.config import parse
from mta.inbound.settings import InboundSettings, SubmissionSettings

BOUNCE = (
    b"EHLO mx.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n"
    b"DATA\r\nSubject: failed\r\n\r\na\0b\0\r\n\0.\r\n.\r\nQUIT\r\n"
)


def said(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What our log has; others may speak at any time, of what an earlier test left."""
    return [record for record in caplog.records if record.name == "posthouse.mail"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_bounce_that_holds_a_nul_is_taken_and_its_finding_is_logged(
    size: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "posthouse.mail"):
        heard = hear([BOUNCE[at : at + size] for at in range(0, len(BOUNCE), size)], InboundSettings())
    assert [each.content for each in heard.transactions] == [b"Subject: failed\r\n\r\na b \r\n .\r\n"]
    [record] = said(caplog)
    assert (record.message, vars(record)["mending"]) == ("message mended", "it held a NUL; a space stands for each")


def test_an_applications_nul_is_refused_and_the_refusal_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "posthouse.mail"):
        assert hear([BOUNCE], SubmissionSettings()).transactions == []
    [record] = said(caplog)
    assert record.message == "message refused"
    assert vars(record)["why"].startswith("550 5.6.0 Line 3 of the message holds a NUL")


@pytest.mark.parametrize("announced", [b" SIZE=70000", b""])
def test_what_is_too_large_is_logged(announced: bytes, caplog: pytest.LogCaptureFixture) -> None:
    large = BOUNCE.replace(b"<>", b"<>" + announced).replace(b"failed", b"x" * 100 + b"\r\n y" * 20_000)
    with caplog.at_level(logging.WARNING, "posthouse.mail"):
        assert hear([large], InboundSettings(max_size=65_536)).transactions == []
    assert said(caplog)[0].message == "message refused"
    assert vars(said(caplog)[0])["why"] == "552 5.3.4 Message larger than 65536 octets"


@pytest.mark.parametrize(
    ("settings", "octets"),
    [
        ("", 48 * 2**20),
        ('[inbound]\nmax_size = "1 MiB"', 48 * 2**20),
        ('[submission]\nmax_size = "100 MiB"', 150 * 2**20),
        ('[lmtp]\nmax_size = "60 MiB"', 90 * 2**20),
        ('[inbound]\nmax_size = "64 MiB"', 64 * 2**20),
    ],
)
def test_the_door_for_bounces_has_room_for_the_largest_mail_that_we_send(settings: str, octets: int) -> None:
    config = parse(f'hostname = "mail.shop.example"\n{settings}\n', folder=Path("/"))
    assert config.inbound_door.max_size == octets
