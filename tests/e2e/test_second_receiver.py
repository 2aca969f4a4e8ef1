"""Exim as the next hop, and what no receiver can be made to misread: Postfix, Exim and aiosmtpd take each message as one.

One of each, and one Posthouse, for all tests here; each test has recipients of its own.
"""

import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from chat import mail
from house import Daemon
from house_exim import Exim
from house_postfix import Postfix
from house_process import PATIENCE, free_port

from engine.system import SystemClock, SystemNet
from mta.outbound.connection import Connection, ConnectionSettings
from mta.outbound.outcome import Delivered
from mta.routing.routes import Host

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postfix"), pytest.mark.peer("exim")]

FORMS = tomllib.loads((Path(__file__).parents[1] / "data/smuggling/end_of_data.toml").read_text())["form"]
HIDDEN = (
    b"MAIL FROM:<ceo@bank.example>\r\nRCPT TO:<ann@hop.example>\r\nDATA\r\nSubject: forged\r\n\r\npay\r\n.\r\nQUIT\r\n"
)
ENDS = {form["name"]: form["octets"].encode().decode("unicode_escape").encode("latin-1") for form in FORMS} | {
    "the real end": b"\r\n.\r\n",
    "the real end twice": b"\r\n.\r\n.\r\n",
    "a long line before it": b"x" * 2000 + b"\r\n.\r\n",
    "a long line of dots": b"\r\n" + b"." * 3000 + b"\r\n.\r\n",
    "a dot where a long line is folded": b"\r\n" + b"y" * 997 + b".\r\n.\r\n",
    "a CR at the end of a piece": b"z" * 65_535 + b"\r" + b"\n.\r\n",
}


class Taking:
    """aiosmtpd as a receiver."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.kept.append(envelope.content)
        return "250 2.0.0 ok"

    def start(self) -> str:
        self._controller.start()
        return f"127.0.0.1:{self._controller.port}"

    def stop(self) -> None:
        self._controller.stop()

    def mails(self) -> list[bytes]:
        return self.kept


@dataclass
class Town:
    daemon: Daemon
    exim: Exim
    receivers: dict[str, tuple[str, Callable[[], list[bytes]]]]  # address, and what each delivered


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    accepts = [f"{name}@hop.example" for name in ("ann", "bob", "carl", "dan", "eve")]
    taking = Taking()
    # Without a bounce domain all recipients of a message have one reverse-path.
    settings = {"bounces": {"domain": ""}, "inbound": {"listen": []}}
    try:
        with Exim(accepts, recipients=2) as exim, Postfix(accepts) as postfix:
            receivers = {
                "exim": (exim.address, exim.mails),
                "postfix": (postfix.address, postfix.mails),
                "aiosmtpd": (taking.start(), taking.mails),
            }
            with Daemon(tmp_path_factory.mktemp("town"), next_hop=exim.address, settings=settings) as daemon:
                yield Town(daemon, exim, receivers)
    finally:
        taking.stop()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Connection]:
    name, _, port = address.rpartition(":")
    host = Host("hop.example", name, int(port))
    made = await Connection.open(SystemNet(), SystemClock(), host, ConnectionSettings("mail.shop.example"))
    assert isinstance(made, Connection), made
    yield made
    made.close()
    await made.wait_closed()


async def permitted() -> bool:
    return True


@pytest.mark.parametrize("receiver", ["postfix", "exim", "aiosmtpd"])
async def test_whatever_octets_a_message_has_it_arrives_as_one(town: Town, receiver: str) -> None:
    address, mails = town.receivers[receiver]
    marks = []
    for number, end in enumerate(ENDS.values()):
        marks.append(f"X-Mark: {receiver}-{number}.".encode())
        content = b"From: a@shop.example\r\n%s\r\n\r\nbefore%s%safter\r\n" % (marks[-1], end, HIDDEN)
        async with connected(address) as connection:
            outgoing = mail(forward_path="ann@hop.example", reverse_path="app@shop.example", content=content)
            assert isinstance(await connection.deliver(outgoing, permitted), Delivered)
    kept = town.daemon.until(lambda: found if len(found := mails()) >= len(marks) else None, 60) or []
    assert all(sum(mark in each for each in kept) == 1 for mark in marks)
    for each in kept:
        assert b"ceo@bank.example" not in each.partition(b"before")[0], "no envelope of the hidden message"
        assert b"MAIL FROM:<ceo@bank.example>" in each and b"after" in each, "all of it is one message's text"
    assert len(kept) == len(marks)


def test_exim_takes_mail_over_tls_from_the_daemon(town: Town) -> None:
    number = town.daemon.submit("bob@hop.example", body="Good morning.")
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")
    [(tls, reply)] = town.daemon.rows(
        "SELECT tls, reply FROM attempt WHERE delivery_id = (SELECT id FROM delivery WHERE message_id = ?)", number
    )
    assert tls.startswith("TLSv1.3")
    assert reply.startswith("250 OK id=")


def names_on(town: Town, text: bytes) -> list[bytes]:
    """Whom Exim delivered mail with this text to."""
    firsts = [each.partition(b"\r\n")[0] for each in town.exim.mails() if text in each]
    return sorted(name for line in firsts for name in line.removeprefix(b"Envelope-to: ").split(b", "))


def test_exim_takes_several_recipients_in_a_transaction_and_the_rest_in_the_next(town: Town) -> None:
    to = ["carl@hop.example", "dan@hop.example", "eve@hop.example", "nobody@hop.example"]
    number = town.daemon.submit(to, body="To all of you.")
    town.daemon.until(
        lambda: not town.daemon.rows("SELECT 1 FROM delivery WHERE state < 10 AND message_id = ?", number)
    )
    states = town.daemon.rows("SELECT forward_path, state FROM delivery WHERE message_id = ? ORDER BY id", number)
    assert [(path, state) for path, state in states] == [(each, 10 if each != to[-1] else 11) for each in to]
    town.daemon.until(lambda: names_on(town, b"To all of you.") == [each.encode() for each in to[:3]])
    attempts = town.daemon.rows(
        "SELECT outcome, count(*) FROM attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE message_id = ?)"
        " GROUP BY outcome ORDER BY outcome", number
    )  # fmt: skip
    assert attempts == [("delivered", 3), ("failed", 1)]
