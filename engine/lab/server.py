"""The lab as one object: hosts, resolver, kept mail and courier, started and stopped together.

async with Lab(state, clock=SystemClock(), chance=SystemChance(), inbound="127.0.0.1:2526") as lab:
    ...  # point a daemon at lab.dns_address, and its routing.port at lab.smtp_port
    mails = await lab.wait_for(lambda mails: len(mails) == 3)
"""

import asyncio
import errno
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from engine.lab import certificate, moods, zones
from engine.lab.clock import LabClock
from engine.lab.courier import Courier
from engine.lab.dns import DnsServer
from engine.lab.keep import Kept, KeptMail, KeptReader, Refusal
from engine.lab.reception import Memory, Reception
from engine.lab.reload import Reloaded
from engine.lab.smtp import Desk
from engine.lab.window import Window
from mta.ports import Chance, Clock

_TRIES: Final = 20


class Lab:
    """A pretended Internet. Everything it keeps is in `state`; a lab started there again goes on with it."""

    def __init__(
        self,
        state: Path,
        *,
        clock: Clock,
        chance: Chance,
        dns: str = "127.0.0.1:0",
        smtp_port: int = 0,
        inbound: str | None = None,
        database: Path | str | None = None,
        window: str = "127.0.0.1:0",
    ) -> None:
        """`dns`: where the resolver listens. `smtp_port`: the one port of all hosts. `window`: where the sample shop shows
        its pictures. Port 0 takes a free one.

        `inbound`: host:port of the daemon's inbound listener, for bounces. `database`: the daemon's, for its clock.
        CatalogueError, ZoneError or ValueError when a file or an address is wrong.
        """
        state.mkdir(parents=True, exist_ok=True)
        self.state = state
        self.smtp_port = smtp_port
        self.clock = LabClock(clock, database)
        self._catalogue = Reloaded(state / "moods.toml", moods.load)
        self._memory = Memory(self.clock, chance)
        self._dns_wish = loopback(dns)
        self._dns = DnsServer(Reloaded(state / "zone.toml", lambda own: zones.load(self._catalogue(), own)))
        self._window_wish = loopback(window)
        self._window = Window()
        self._courier = Courier(loopback(inbound) if inbound else None, self.clock, chance)
        names = (host.mx for host in self._catalogue().host.values())
        self._desk = Desk(certificate.server_context(state, names, clock.now()), self._courier.run)
        self._servers: list[asyncio.Server] = []
        self._news = asyncio.Event()
        self._kept = Kept(state, self._news.set)
        self._reader = KeptReader(state)

    @property
    def dns_address(self) -> str:
        """host:port of the resolver, once started."""
        return self._dns.address

    @property
    def window_address(self) -> str:
        """host:port of the sample shop's pictures, once started."""
        return self._window.address

    async def start(self) -> None:
        """Listen everywhere. OSError when an address is taken; then the lab is stopped."""
        try:
            await self._dns.start(*self._dns_wish)
            await self._window.start(*self._window_wish)
            await self._open_hosts()
        except OSError:
            await self.stop()
            raise
        self._courier.start()

    async def stop(self) -> None:
        """Hang up on everybody and stop listening."""
        await self._courier.stop()
        self._close_hosts()
        for connection in tuple(self._desk.connections):
            connection.hang_up()
        await self._dns.stop()
        await self._window.stop()
        self._kept.close()
        self.clock.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def kept(self) -> list[KeptMail]:
        """Every mail that a host took, oldest first."""
        return self._reader.mails()

    def refused(self) -> list[Refusal]:
        """Every command that a host did not grant, oldest first."""
        return self._reader.refusals()

    async def wait_for(self, predicate: Callable[[list[KeptMail]], bool], timeout: float = 60.0) -> list[KeptMail]:
        """The kept mails as soon as `predicate` holds for them; it is asked at each mail and each refusal.

        TimeoutError, which says what there is, after `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                while not predicate(mails := self.kept()):
                    self._news.clear()
                    await self._news.wait()
                return mails
        except TimeoutError:
            raise TimeoutError(f"not so after {timeout} s: {self._summary()}") from None

    def publish(self, name: str, kind: str, *values: str) -> None:
        """Make the resolver answer `values` for `name`; no value takes the records away. ZoneError when it can't."""
        zones.publish(self.state, name, kind, *values)

    async def _open_hosts(self) -> None:
        """Every host on its own address, all on one port: an MX record says no port."""
        for left in reversed(range(1 if self.smtp_port else _TRIES)):
            try:
                for name in self._catalogue().host:
                    await self._open_host(name)
                return
            except OSError as error:
                self._close_hosts()
                if error.errno != errno.EADDRINUSE or not left:
                    raise
                self.smtp_port = 0  # free on the first address and taken on another: try the next

    async def _open_host(self, name: str) -> None:
        host = self._catalogue().host[name]

        def reception() -> Reception:
            catalogue = self._catalogue()
            return Reception(catalogue, catalogue.host.get(name, host), self._memory, self._kept)

        server = await self._desk.listen(reception, host.address, self.smtp_port)
        self._servers.append(server)
        self.smtp_port = server.sockets[0].getsockname()[1]

    def _close_hosts(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def _summary(self) -> str:
        mails, refusals = self.kept(), self.refused()
        last = f", the last to {', '.join(mails[-1].rcpt_to)}" if mails else ""
        refused = f", the last {refusals[-1].reply[:100]!r} at {refusals[-1].host}" if refusals else ""
        return f"{len(mails)} mails kept{last}; {len(refusals)} refusals{refused}"


def loopback(text: str) -> tuple[str, int]:
    """`127.0.0.1:5353` as host and port. ValueError when it is no such pair or not on loopback."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f'"{text}" is not an address and a port (try "127.0.0.1:5353")')
    try:
        is_inside = ip_address(host).is_loopback
    except ValueError:
        is_inside = host == "localhost"
    if not is_inside:
        raise ValueError(f'"{text}" is not on loopback, and the lab stays there')
    return host, int(port)
