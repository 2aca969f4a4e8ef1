"""Next hops that the administrator names, against programs that others wrote: Postfix as a smart host that wants a
password over TLS, aiosmtpd as a mail store that speaks LMTP on a Unix socket.

One of each, and one Posthouse, for all tests here; each test has domains of its own.
"""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.lmtp import LMTP
from house import Daemon
from house_postfix import Postfix
from house_process import free_port
from house_sasl import SaslServer

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postfix")]

DOMAINS = ("smart.example", "named.example", "strict.example", "wrong.example")


class Store:
    """A mail store behind a Unix socket: aiosmtpd's LMTP, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: list[tuple[str, bytes]] = []  # forward-path and content
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.kept += [(to, envelope.content) for to in envelope.rcpt_tos]
        return "250 2.0.0 stored"

    def start(self) -> None:
        self._thread.start()
        opening = self._loop.create_unix_server(lambda: LMTP(self, loop=self._loop, enable_SMTPUTF8=True), self.path)
        asyncio.run_coroutine_threadsafe(opening, self._loop).result(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)


@dataclass
class Town:
    daemon: Daemon
    smart: Postfix
    sasl: SaslServer
    store: Store
    numbers: list[int] = field(default_factory=list)

    def attempt(self, message_id: int) -> tuple[str, str, str]:
        """What came of the first attempt: stage, reply and TLS."""
        sql = (
            "SELECT a.stage, a.reply, a.tls FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
            " WHERE d.message_id = ? ORDER BY a.id"
        )
        stage, reply, tls = self.daemon.until(lambda: self.daemon.rows(sql, message_id))[0]
        return str(stage), str(reply), str(tls)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder, authority = tmp_path_factory.mktemp("town"), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    for name, words in (("smart.secret", "s3cret\n"), ("wrong.secret", "guess\n")):
        (folder / name).write_text(words)
        (folder / name).chmod(0o600)
    store = Store(folder / "lmtp.sock")
    store.start()
    with SaslServer("shop", "s3cret") as sasl, Postfix(
        [f"ann@{each}" for each in DOMAINS], sasl=sasl.address, authority=authority
    ) as smart:  # fmt: skip
        port = smart.address.rpartition(":")[2]
        with Daemon(folder, settings={"routing": {
            "smart_host": smart.address,
            "authorities": "../authority.pem",
            "transport": {
                "wrong.example": f"localhost:{port}", "store.example": "lmtp:" + str(store.path),
                "gone.example": f"127.0.0.1:{free_port()}",
            },
            "hops": {
                smart.address: {"user": "shop", "secret": "../smart.secret"},
                f"localhost:{port}": {"user": "shop", "secret": "../wrong.secret", "tls": "encrypt"},
            },
        }}) as daemon:  # fmt: skip
            yield Town(daemon, smart, sasl, store)
    store.stop()


def test_the_smart_host_takes_mail_after_the_password_over_verified_tls(town: Town) -> None:
    number = town.daemon.submit("ann@smart.example")
    stage, reply, tls = town.attempt(number)
    assert (stage, reply[:3], tls[:7]) == ("dot", "250", "TLSv1.3")
    [mail] = town.daemon.until(lambda: [each for each in town.smart.mails() if b"ann@smart.example" in each])
    assert b"Authenticated sender: shop" in mail
    assert "PLAIN" in town.sasl.seen


def test_a_wrong_password_makes_mail_wait_and_says_so(town: Town) -> None:
    number = town.daemon.submit("ann@wrong.example")
    stage, reply, _ = town.attempt(number)
    assert (stage, reply[:9]) == ("auth", "535 5.7.8")
    assert town.daemon.state_of(number) == "queued"
    town.daemon.logged("deferred", to="ann@wrong.example")  # whose line the next test looks at, too


def test_the_password_stands_nowhere_but_in_its_file(town: Town) -> None:
    town.daemon.submit("ann@named.example")
    town.daemon.logged("delivered", to="ann@named.example")
    log = town.daemon.log_tail(10_000)
    assert "s3cret" not in log and "guess" not in log
    for file in town.daemon.state.glob("posthouse.db*"):
        assert b"s3cret" not in file.read_bytes()


def test_a_mail_store_takes_mail_by_lmtp_over_its_socket(town: Town) -> None:
    number = town.daemon.submit("ann@store.example", body="Good morning.")
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")
    [content] = [content for to, content in town.store.kept if to == "ann@store.example"]
    assert b"Good morning." in content


def test_what_cannot_be_reached_waits_with_its_reason(town: Town) -> None:
    number = town.daemon.submit("ann@gone.example")
    stage, reply, _ = town.attempt(number)
    assert stage == "connect"
    assert reply.startswith("451 4.4.1 connecting to 127.0.0.1 [127.0.0.1]:")


def test_it_is_told_what_is_asked_of_a_domains_connection(town: Town) -> None:
    for domain, words in {
        "smart.example": "TLS verify (routing.hops)", "wrong.example": "TLS encrypt (routing.hops)",
        "store.example": "TLS none", "gone.example": "TLS may",
    }.items():  # fmt: skip
        town.daemon.submit(f"told@{domain}")
        town.daemon.until(lambda domain=domain: town.daemon.rows("SELECT 1 FROM destination WHERE domain = ?", domain))
        told = town.daemon.until(lambda domain=domain: town.daemon.command("why", domain).stdout)
        assert words in told
        assert "as mail.shop.example" in told


def test_a_secret_that_is_not_there_is_told_before_the_daemon_starts(town: Town, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, settings={"routing": {
        "smart_host": "smtp.example", "hops": {"smtp.example": {"user": "shop", "secret": "nowhere"}},
    }})  # fmt: skip
    daemon.launch()
    assert daemon.wait_exit() == 2
    told = daemon.log_tail()
    assert 'hops."smtp.example".secret: ' in told and "not the password itself" in told
    daemon.close()
