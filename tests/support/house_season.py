"""A season of a shop in lab time: what is kept of its past stays bounded, and no process grows.

The same customers order, fill carts, ask for codes, join the list and leave it, day after day; some of their mail bounces,
waits or is complained about. The lab's clock is moved twelve hours at a time. At the end of each day the rows of each table
are counted, the octets of the database, and the memory of each process.

Whether a process grows is asked when nothing is done for a while. In the midst of work it has as much more as the work
took that was done since it last gave memory back (carriers do each minute, the front office every half), and reading a
larger database takes more. What stays after that is compared: at the end, and a third of the time before, when all that
is remembered for good measure (lru_cache, say) has come to the end of its room.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from house import Daemon
from house_lab import LabTown, lab_town

from engine.lab.hand_over import hand_over
from engine.lab.orders import Order
from engine.lab.people import Person
from engine.lab.shop import SampleShop, ShopMail
from engine.sending.resources import packaged_folder
from engine.system import SystemClock
from mta.ports import to_ms

STEPS: Final = 2  # of a day
CUSTOMERS: Final = 60
ORDERS, CARTS, CODES = 25, 10, 5  # in each step: what is remembered of mails' texts is full before two thirds are over
JOINING: Final = 3  # on each day: they join, and leave on the next
ODD: Final = ("later-full", "vacation", "complain", "greylist", "full", "unknown")  # one mail each, every day
FLOWS: Final = ("order-thanks", "abandoned-cart", "welcome")
POOLS: Final = ("first-order", "welcome")
PATIENCE: Final = 300.0
ROOM: Final = 20  # rows that a table may have more than a fifth of the time before, whatever its size
REST_SECONDS: Final = 80.0  # in which every process gives memory back that it does not need, on a busy machine too
NOISE: Final = 0.5  # MiB that one process may have more than before: four times of what it was when nothing grew

KEPT: Final[dict[str, Any]] = {
    "queue": {"keep_bodies": "1d", "keep_dialogues": "2d", "keep_history": "60d"},
    "daemon": {"keep_acts": "3d"},
    "bounces": {"keep": "3d"},
    "hooks": {"keep": "3d"},
    "reputation": {"keep": "14d"},
    "tracking": {"keep_fetched": "3d"},
    "dkim": {"rotate_every": "0s"},
}
"""The shortest there are, so that ninety days show where they end."""

ON_PURPOSE: Final = ("event", "enrolment", "passage", "consent_entry", "consent_fact", "coupon", "parcel")
"""Tables that grow with what happens or with what there is: docs/retention.md says why."""

LATER: Final = {"judgement": 800, "list_hour": 400}
"""Tables that end after so many days, with at most this many rows a day until then."""
ROWS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Day:
    """The evening of one."""

    rows: Mapping[str, int]  # by table
    octets: int  # of the database's pages in use
    memory: Mapping[str, float]  # MiB (RssAnon), by kind of process

    @property
    def line(self) -> str:
        largest = sorted(self.rows.items(), key=lambda each: -each[1])[:7]
        memory = ", ".join(f"{name} {mib:.1f}" for name, mib in self.memory.items())
        return (
            f"{sum(self.rows.values()):7} rows ({', '.join(f'{name} {count}' for name, count in largest)}),"
            f" {self.octets / 2**20:.1f} MiB; memory {memory}"
        )


@dataclass(slots=True)
class Season:
    """All evenings, and what they say together."""

    days: list[Day] = field(default_factory=list)
    rests: list[Mapping[str, float]] = field(default_factory=list)  # MiB by process, at two thirds and at the end
    mails: int = 0  # that arrived

    @property
    def growing(self) -> dict[str, tuple[int, int]]:
        """Tables that had clearly more rows on the last evening than a fifth of the time before, when what is kept for
        sixty days after its last delivery ended is let go again."""
        fifth = len(self.days) // 5
        before, last = self.days[-1 - fifth].rows, self.days[-1].rows

        def most(name: str) -> float:
            return before[name] + fifth * ROWS_A_DAY if name in LATER else 1.05 * before[name] + ROOM

        return {
            name: (before[name], count) for name, count in last.items() if name not in ON_PURPOSE and count > most(name)
        }

    @property
    def grown(self) -> dict[str, tuple[float, float]]:
        """Processes that kept more at the end than a third of the time before; and those that were not there then."""
        before, last = self.rests
        return {name: (before.get(name, 0.0), mib) for name, mib in last.items() if mib > before.get(name, 0.0) + NOISE}


def season(folder: Path, days: int, tell: Callable[[str], None]) -> Season:
    """Live so many days; each evening is told."""
    with lab_town(folder, KEPT) as town:
        life = _Life(town)
        life.prepare()
        lived = Season()
        for number in range(days):
            life.day(number)
            lived.days.append(_evening(town.daemon))
            tell(f"day {number + 1:2}: {lived.days[-1].line}")
            if number + 1 in (days * 2 // 3, days):
                lived.rests.append(_kept(town.daemon))
                tell("at rest: " + ", ".join(f"{name} {mib:.1f}" for name, mib in lived.rests[-1].items()))
        lived.mails = len(town.lab.kept())
        assert town.daemon.audit().balances, town.daemon.audit()
        return lived


def _evening(daemon: Daemon) -> Day:
    tables = [name for (name,) in daemon.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    rows = {name: int(daemon.rows(f'SELECT count(*) FROM "{name}"')[0][0]) for name in tables}
    [(pages, free, size)] = daemon.rows("SELECT page_count, freelist_count, page_size FROM pragma_page_count,"
                                        " pragma_freelist_count, pragma_page_size")  # fmt: skip
    memory = {kind: sum(map(_mib, pids)) for kind, pids in daemon.processes().items()}
    return Day(rows, (pages - free) * size, memory)


def _kept(daemon: Daemon) -> dict[str, float]:
    """The least memory of each process while nothing is done."""
    processes = {
        f"{kind} {number}" if len(pids) > 1 else kind: pid
        for kind, pids in daemon.processes().items()
        for number, pid in enumerate(sorted(pids), 1)
    }
    least: dict[str, float] = {}
    until = time.monotonic() + REST_SECONDS

    def is_over() -> bool:
        least.update({name: min(_mib(pid), least.get(name, math.inf)) for name, pid in processes.items()})
        return time.monotonic() >= until

    daemon.until(is_over, 2 * REST_SECONDS)
    return least


def _mib(pid: int) -> float:
    """Memory that is no file's, shared with other processes or not: what is shared and then written to counts the same
    before and after. 0 when the process has just ended."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) / 1024
    return 0.0


class _Life:
    def __init__(self, town: LabTown) -> None:
        self._town, self._daemon = town, town.daemon
        self._shop = SampleShop(SystemClock().now(), at=("shop.lab", "gmail.lab", "icloud.lab"))
        self._customers = [self._shop.customer(number) for number in range(CUSTOMERS)]
        self._number = 0
        self._joined: list[str] = []

    def prepare(self) -> None:
        self._daemon.act("lists", name="news", title="News", purpose="I want the news by mail.")
        for name in POOLS:
            done = self._daemon.command("coupon", "pool", "add", name, "--pattern", "AB-####-####", "--expires", "3d")
            assert done.returncode == 0, done.stderr
        for name in FLOWS:
            source = (packaged_folder() / "flows" / f"{name}.yaml").read_text("utf-8")
            self._daemon.act("flows", source=source, file=f"{name}.yaml")

    def day(self, number: int) -> None:
        self._leave()
        self._join(number)
        self._oddities()
        for _ in range(STEPS):
            hand_over("127.0.0.1", self._daemon.submission_port, self._mails())
            self._settle()
            self._daemon.advance("12h")
            self._settle()
        with contextlib.suppress(Exception):
            self._daemon.act("suppression/lift", address="unknown@shop.lab", why="another day")

    def _mails(self) -> list[ShopMail]:
        orders = [self._order() for _ in range(ORDERS + CARTS)]
        codes = [self._shop.code_mail(self._order().customer, f"{self._number:06}") for _ in range(CODES)]
        return [
            *(self._shop.order_mail(each) for each in orders[:ORDERS]),
            *(self._shop.cart_mail(each) for each in orders[ORDERS:]),
            *codes,
        ]

    def _order(self) -> Order:
        """The next one of one of the same customers."""
        self._number += 1
        order = self._shop.order(self._number % CUSTOMERS)
        return dataclasses.replace(
            order, number=f"M-{self._number}", customer=self._customers[self._number % CUSTOMERS]
        )

    def _oddities(self) -> None:
        with self._daemon.smtp() as smtp:
            for local in ODD:
                with contextlib.suppress(Exception):
                    smtp.sendmail("writer@shop.lab", f"{local}@shop.lab", b"Subject: odd\r\n\r\nHello.\r\n")

    def _join(self, number: int) -> None:
        joining = [self._customers[(number * JOINING + each) % CUSTOMERS].address for each in range(JOINING)]
        seen = len(self._town.lab.kept())
        for address in joining:
            self._daemon.act("lists/subscribe", list="news", address=address, source="form")
        self._joined = []
        for address in joining:
            asked = self._daemon.until(
                lambda address=address: [
                    mail for mail in self._town.lab.kept()[seen:] if address in mail.rcpt_to and "/confirm" in mail.text
                ],
                PATIENCE,
            )
            Person().confirm(asked[-1])
            self._joined.append(address)

    def _leave(self) -> None:
        for address in self._joined:
            self._daemon.act("lists/remove", list="news", address=address, why="enough")

    def _settle(self) -> None:
        """Until all is done that is due by now."""

        def is_done() -> bool:
            [(now_ms,)] = self._daemon.rows(
                "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'clock_offset_ms'"
            ) or [(0,)]
            now_ms += to_ms(SystemClock().now())
            return not any(
                self._daemon.rows(question)[0][0]
                for question in (
                    "SELECT count(*) FROM event WHERE matched = 0",
                    f"SELECT count(*) FROM enrolment WHERE state = 'waiting' AND due_ms <= {now_ms}",
                    f"SELECT count(*) FROM delivery WHERE state IN (1, 2) OR (state = 0 AND due_ms <= {now_ms})",
                )
            )

        self._daemon.until(is_done, PATIENCE)
