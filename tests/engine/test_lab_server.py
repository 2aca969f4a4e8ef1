"""The lab as a whole: in process, as a process, and what it refuses."""

import asyncio
import json
import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest
from clock import FakeChance, FakeClock
from house_process import free_port
from lab_thread import LabThread

from engine.lab.keep import Kept
from engine.lab.moods import CatalogueError
from engine.lab.server import Lab, loopback

MAIL = b"Subject: hello\r\n\r\nbody\r\n"


def send(port: int, rcpt: str = "ann@shop.lab") -> None:
    with smtplib.SMTP("127.0.0.10", port, timeout=60) as smtp:
        smtp.sendmail("b@shop.example", [rcpt], MAIL)


async def test_wait_for_returns_as_soon_as_the_fact_is_there(tmp_path: Path) -> None:
    async with Lab(tmp_path, clock=FakeClock(), chance=FakeChance()) as lab:
        waiting = asyncio.create_task(lab.wait_for(lambda mails: len(mails) == 2))
        for _ in range(2):
            await asyncio.to_thread(send, lab.smtp_port)
        assert [mail.raw for mail in await waiting] == [MAIL, MAIL]
        assert len(await lab.wait_for(lambda mails: len(mails) == 2)) == 2  # and at once when it is there already


async def test_wait_for_also_wakes_at_a_refusal(tmp_path: Path) -> None:
    async with Lab(tmp_path, clock=FakeClock(), chance=FakeChance()) as lab:
        waiting = asyncio.create_task(lab.wait_for(lambda _: len(lab.refused()) == 1))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await asyncio.to_thread(send, lab.smtp_port, "unknown@shop.lab")
        assert await waiting == []


async def test_wait_for_says_what_there_is_when_it_gives_up(tmp_path: Path) -> None:
    async with Lab(tmp_path, clock=FakeClock(), chance=FakeChance()) as lab:
        await asyncio.to_thread(send, lab.smtp_port)
        with pytest.raises(TimeoutError, match=r"1 mails kept, the last to ann@shop\.lab; 0 refusals"):
            await lab.wait_for(lambda mails: len(mails) == 2, timeout=0.01)


async def test_stopping_hangs_up_on_everybody_and_frees_the_port(tmp_path: Path) -> None:
    port = free_port()
    async with Lab(tmp_path / "1", clock=FakeClock(), chance=FakeChance(), smtp_port=port):
        reader, writer = await asyncio.open_connection("127.0.0.31", port)  # it never greets
        await asyncio.to_thread(send, port)
    with pytest.raises(ConnectionError):
        assert not await reader.read()
        raise ConnectionError
    writer.close()
    async with Lab(tmp_path / "2", clock=FakeClock(), chance=FakeChance(), smtp_port=port) as lab:
        assert lab.smtp_port == port


async def test_a_port_that_is_taken_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with Lab(tmp_path / "1", clock=FakeClock(), chance=FakeChance()) as lab:
        second = Lab(tmp_path / "2", clock=FakeClock(), chance=FakeChance(), smtp_port=lab.smtp_port)
        with pytest.raises(OSError, match=str(lab.smtp_port)):
            await second.start()


def test_a_lab_with_a_wrong_moods_file_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "moods.toml").write_text("[host.shop")
    with pytest.raises(CatalogueError):
        Lab(tmp_path, clock=FakeClock(), chance=FakeChance())


@pytest.mark.parametrize(
    "text", ["0.0.0.0:53", "192.0.2.1:53", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "mail:1"]
)
def test_the_lab_stays_on_loopback(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        loopback(text)


def test_the_private_key_is_private_and_a_second_lab_uses_it_again(tmp_path: Path) -> None:
    with LabThread(tmp_path):
        key = (tmp_path / "hosts.pem").read_bytes()
        assert (tmp_path / "hosts.pem").stat().st_mode & 0o777 == 0o600
    with LabThread(tmp_path):
        assert (tmp_path / "hosts.pem").read_bytes() == key


def start(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "engine.lab", "--state", str(tmp_path), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_process_says_ready_keeps_mail_and_stops_at_sigterm(tmp_path: Path) -> None:
    process = start(tmp_path, "--dns", "127.0.0.1:0", "--smtp-port", "0")
    assert process.stdout is not None
    word, _, facts = process.stdout.readline().partition(" ")
    assert word == "ready"
    send(json.loads(facts)["smtp_port"])
    assert [mail.raw for mail in Kept.read(tmp_path)] == [MAIL]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_a_process_that_is_killed_kept_all_that_it_answered_for(tmp_path: Path) -> None:
    process = start(tmp_path, "--dns", "127.0.0.1:0", "--smtp-port", "0")
    assert process.stdout is not None
    facts = json.loads(process.stdout.readline().removeprefix("ready "))
    for _ in range(20):
        send(facts["smtp_port"])
    process.kill()
    process.communicate(timeout=60)
    assert len(Kept.read(tmp_path)) == 20


def test_a_process_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    process = start(tmp_path, "--dns", "192.0.2.1:53")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == 'lab: "192.0.2.1:53" is not on loopback, and the lab stays there\n'
