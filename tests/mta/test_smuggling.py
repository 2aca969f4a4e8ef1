"""Nobody can hide a second transaction inside a message (SMTP smuggling): only CRLF.CRLF ends data.

tests/data/smuggling/end_of_data.toml has the forms that some server, somewhere, has taken for an end.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from smtp_door import ENVELOPE, Recorder, codes, door

from mta.inbound.settings import InboundSettings, LongLines, Newlines, SubmissionSettings

FORMS = tomllib.loads((Path(__file__).parents[1] / "data/smuggling/end_of_data.toml").read_text())["form"]
BY_NAME = pytest.mark.parametrize("form", FORMS, ids=lambda form: form["name"])
HIDDEN = b"MAIL FROM:<ceo@bank.example>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: forged\r\n\r\npay\r\n"


def octets(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def dialogue(form: dict[str, Any]) -> bytes:
    """One message with the form in it, its real end, and QUIT."""
    return ENVELOPE + b"DATA\r\nbefore" + octets(form["octets"]) + b"after\r\n.\r\nQUIT\r\n"


@BY_NAME
async def test_what_is_no_end_of_data_is_refused_with_its_whole_message_or_is_content(form: dict[str, Any]) -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        said = await open_door.converse(dialogue(form))
    assert codes(said)[-3:-1] == ["354", "250" if form["refuse"] == "content" else "550"]
    assert said[-1].startswith("221 "), "what follows the real end is read as commands again"
    contents = [each.content for each in policy.accepted]
    assert contents == ([octets(form["content"])] if form["refuse"] == "content" else [])
    if form["refuse"] == "refused":
        assert said[-2].startswith("550 5.6.0 Line ")


@BY_NAME
async def test_normalising_ends_every_line_with_crlf_before_anybody_sees_it(form: dict[str, Any]) -> None:
    policy = Recorder()
    async with door(policy, SubmissionSettings(newlines=Newlines.NORMALISE)) as open_door:
        said = await open_door.converse(dialogue(form))
    assert codes(said)[-3:] == ["354", "250" if "normalised" in form else "550", "221"]
    contents = [each.content for each in policy.accepted]
    assert contents == ([octets(form["normalised"])] if "normalised" in form else [])


@pytest.mark.parametrize(
    "settings", [SubmissionSettings(), InboundSettings(), SubmissionSettings(newlines="normalise")]
)  # type: ignore[arg-type]
@BY_NAME
async def test_no_form_starts_a_second_transaction(form: dict[str, Any], settings: SubmissionSettings) -> None:
    policy = Recorder()
    async with door(policy, settings) as open_door:
        said = await open_door.converse(
            ENVELOPE + b"DATA\r\nbefore" + octets(form["octets"]) + HIDDEN + b".\r\nQUIT\r\n"
        )
    assert codes(said)[-2] in ("250", "550") and codes(said)[-1] == "221"
    assert len(policy.accepted) <= 1
    assert all(each.reverse_path == "shop@shop.example" for each in policy.accepted)


async def test_the_real_end_of_data_ends_it_also_right_after_data() -> None:
    policy = Recorder()
    async with door(policy) as open_door:
        await open_door.converse(ENVELOPE + b"DATA\r\n.\r\n" + HIDDEN + b".\r\nQUIT\r\n")
    assert [each.content for each in policy.accepted] == [b"", b"Subject: forged\r\n\r\npay\r\n"]
    assert [each.reverse_path for each in policy.accepted] == ["shop@shop.example", "ceo@bank.example"]


@pytest.mark.parametrize("bad", [b"\n", b"\r", b"\0", b"x" * 999])
async def test_a_refusal_names_the_line_and_the_remedy(bad: bytes) -> None:
    async with door(Recorder()) as open_door:
        said = await open_door.converse(ENVELOPE + b"DATA\r\none\r\ntwo\r\nth" + bad + b"ree\r\n.\r\n")
    assert said[-1].startswith("550 5.6.0 Line 3 of the message ")
    assert any(word in said[-1] for word in ("CRLF", "base64", "quoted-printable"))


@pytest.mark.parametrize(
    ("long_lines", "lines"),
    [
        (LongLines.WRAP, [b"Subject: " + b"w" * 700, b" " + b"x" * 600, b"", b"y" * 998, b" yy", b"short"]),
        (LongLines.ACCEPT, [b"Subject: " + b"w" * 700 + b" " + b"x" * 600, b"", b"y" * 1000, b"short"]),
    ],
)
async def test_a_long_line_is_wrapped_or_accepted_where_a_setting_says_so(
    long_lines: LongLines, lines: list[bytes]
) -> None:
    policy = Recorder()
    message = b"Subject: " + b"w" * 700 + b" " + b"x" * 600 + b"\r\n\r\n" + b"y" * 1000 + b"\r\nshort\r\n"
    async with door(policy, SubmissionSettings(long_lines=long_lines)) as open_door:
        await open_door.converse(ENVELOPE + b"DATA\r\n" + message + b".\r\n")
    assert policy.accepted[0].content.split(b"\r\n") == [*lines, b""]
