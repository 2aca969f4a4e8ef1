"""A Posthouse in the lab: DNS, receiving hosts and later bounces are the lab's, and both share one movable clock.

with lab_town(folder) as town:
    number = town.daemon.submit("greylist@shop.lab")
    town.daemon.advance("10 min")
    mail = town.mail_for("greylist@shop.lab")
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from house import Daemon
from lab_thread import LabThread

from engine.lab.keep import KeptMail
from engine.system import SystemChance, SystemClock
from mta.ports import from_ms

WRITER = "writer@shop.lab"  # who hands mail over, with a mailbox in the lab: notices can be delivered
NO_SPREAD = {"retry": {"delivery": {"first": "10 min", "factor": 1.0, "spread": 0.0}}}


@dataclass(frozen=True, slots=True)
class LabTown:
    daemon: Daemon
    lab: LabThread

    def mails_for(self, to: str, count: int = 1, subject: str = "") -> list[KeptMail]:
        """The mails that the lab kept for this recipient, as soon as there are so many."""

        def found() -> list[KeptMail]:
            return [mail for mail in self.lab.kept() if to in mail.rcpt_to and subject in mail.subject]

        return self.daemon.until(lambda: found()[count - 1 :] and found())

    def mail_for(self, to: str, subject: str = "") -> KeptMail:
        return self.mails_for(to, 1, subject)[0]

    def submit(self, to: str, **fields: str) -> int:
        """Hand a message over in the writer's name; its number."""
        return self.daemon.submit(to, sender=WRITER, **fields)

    def go_to_noon(self, weekday: int | None = None) -> None:
        """On to the next noon (UTC), of this day of the week (Monday is 0): whatever the hour is here, no midnight comes."""
        now = from_ms(self.daemon.overview().now_ms)
        noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
        while noon <= now or weekday not in (None, noon.weekday()):
            noon += timedelta(days=1)
        self.daemon.advance(f"{(noon - now) // timedelta(seconds=1) + 1} s")

    def is_suppressed(self, key: str) -> list[tuple[Any, ...]]:
        """The reasons on record, with their scope."""
        return self.daemon.rows("SELECT reason, scope FROM suppression WHERE key = ?", key)


@contextmanager
def lab_town(folder: Path, settings: Mapping[str, Any] = NO_SPREAD, within: Sequence[str] = ()) -> Iterator[LabTown]:
    """Both, running. Retries come after exactly ten minutes, so that tests can say what is due. `within`: as Daemon's."""
    daemon = Daemon(folder, settings=settings, within=within)
    lab = LabThread(
        folder / "lab", clock=SystemClock(), chance=SystemChance(), inbound=f"127.0.0.1:{daemon.inbound_port}",
        database=daemon.state / "posthouse.db",
    )  # fmt: skip
    with lab:
        routing = {"resolvers": [lab.dns_address], "port": lab.smtp_port, "permit": ["127.0.0.0/8", "::1/128"]}
        daemon.configure({"routing": routing, "doctor": {"patience": "60s"}})  # here is a name server, however late
        with daemon:
            yield LabTown(daemon, lab)
