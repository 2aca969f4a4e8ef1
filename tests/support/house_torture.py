"""Torture: kill -9 at random moments while mail passes, and then count.

Applications hand mail over and write down every 250. The sink writes down every mail before its 250. Between them any
process of the daemon dies without a word, again and again, and is started again as a supervisor would. At the end the
three books are compared: the applications', the daemon's, the sink's. What was accepted must have arrived or still be
queued; what arrived twice must be on record as a doubt, and be the same octets.

The moments come from a seed; the machine's own timing does the rest.
"""

import random
import smtplib
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from house import Daemon, hand_over, letter
from house_sink import Sink

VICTIMS = ("carrier", "front office", "all", "carrier", "fork server", "keeper")  # each has its turn, in random order
DOMAINS = ("one.example", "two.example", "three.example")
_SPREAD = 0.03  # seconds: about what one delivery takes, so that every point in its life can be the last
_LONG = 600  # seconds: a turn is many mails, and the end is all of them


@dataclass(frozen=True, slots=True)
class Plan:
    kills: int
    messages: int
    seed: int
    applications: int = 4
    database: str = ""  # the address of one; else a file


@dataclass(slots=True)
class Score:
    """What the three books say together."""

    accepted: int = 0  # deliveries that a 250 promised
    delivered: int = 0  # of those, at the sink
    queued: int = 0  # of those, still here
    in_doubt: int = 0  # doubts on record
    repeated: int = 0  # deliveries that came more than once
    lost: list[str] = field(default_factory=list)  # promised, and neither there nor here
    unexplained: list[str] = field(default_factory=list)  # came more often than doubts on record allow
    changed: list[str] = field(default_factory=list)  # came again with other octets
    kills: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {victim}" for victim, count in sorted(self.kills.items()))
        return (
            f"kills = {sum(self.kills.values())} ({kills})\naccepted = {self.accepted}\ndelivered = {self.delivered}\n"
            f"still queued = {self.queued}\nin doubt = {self.in_doubt}\nrepeated = {self.repeated}, without a doubt on"
            f" record = {len(self.unexplained)}, changed = {len(self.changed)}\nlost = {len(self.lost)}"
        )


class _Applications:
    """Clients that hand over until they hear 250, each on a connection of its own. `promised`: marker and recipient."""

    def __init__(self, daemon: Daemon, seed: int) -> None:
        self._daemon, self._seed = daemon, seed
        self.promised: list[tuple[str, str]] = []
        self.is_open = threading.Event()  # cleared while nobody listens
        self.is_open.set()
        self.troubles: list[BaseException] = []

    def begin(self, numbers: Sequence[int], count: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._run, args=(numbers[n::count],), daemon=True) for n in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, numbers: Sequence[int]) -> None:
        smtp: smtplib.SMTP | None = None
        try:
            for number in numbers:
                smtp = self._insist(smtp, number)
        except BaseException as trouble:
            self.troubles.append(trouble)
        finally:
            if smtp is not None:
                smtp.close()

    def _insist(self, smtp: smtplib.SMTP | None, number: int) -> smtplib.SMTP:
        """Hand one over. A try that was not answered may have been taken; the next one is another mail."""
        attempt = 0
        while True:
            attempt += 1
            marker = f"{self._seed}.{number}.{attempt}"
            to = [f"{marker}@{domain}" for domain in DOMAINS[: 1 + number % 3]]
            try:
                smtp = smtp or self._daemon.smtp()
                hand_over(
                    smtp, "app@shop.example", to, letter(to[0], subject=marker, X_Marker=marker, body=_body(number))
                )
            except (OSError, smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException) as trouble:
                if isinstance(trouble, smtplib.SMTPResponseException) and trouble.smtp_code >= 500:
                    raise
                if smtp is not None:
                    smtp.close()
                    smtp = None
                assert self.is_open.wait(_LONG), "nobody listens any more"
            else:
                self.promised += [(marker, each) for each in to]
                return smtp


def _body(number: int) -> str:
    """Every fourth mail shows a marker of structured data, so that the parser reads it."""
    return "An order.\napplication/ld+json\n" if number % 4 == 0 else "Good morning.\n"


class Torture:
    """One run of a plan."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan = folder, plan
        self._dice = random.Random(plan.seed)
        self._score = Score()

    def run(self) -> Score:
        # Here a delivery may be at its dot at every kill.
        settings = {"queue": {"resend_at_most": 100}, "database": {"url": self._plan.database}}
        with Sink(self._folder) as sink:
            daemon = Daemon(self._folder, next_hop=sink.address, settings=settings)
            made = daemon.command("domain", "add", "shop.example")
            assert made.returncode == 0, made.stderr
            with daemon:
                self._run(daemon, sink)
        return self._score

    def _run(self, daemon: Daemon, sink: Sink) -> None:
        plan, applications = self._plan, _Applications(daemon, self._plan.seed)
        for turn, victim in enumerate(self._victims()):
            numbers = range(turn * plan.messages // plan.kills, (turn + 1) * plan.messages // plan.kills)
            threads = applications.begin(numbers, plan.applications)
            self._wait_for_the_moment(daemon, threads, len(numbers))
            self._kill(daemon, victim, applications)
            for thread in threads:
                thread.join()
            assert not applications.troubles, applications.troubles
        daemon.until_idle(_LONG)
        self._check(daemon)
        self._count(daemon, sink, applications)

    def _victims(self) -> list[str]:
        deck = [VICTIMS[place % len(VICTIMS)] for place in range(self._plan.kills)]
        self._dice.shuffle(deck)
        return deck

    def _wait_for_the_moment(self, daemon: Daemon, threads: list[threading.Thread], messages: int) -> None:
        """After so many more lines of the log, and a little later."""
        seen = len(daemon.log.lines) + self._dice.randrange(messages * 3)
        daemon.until(lambda: len(daemon.log.lines) >= seen or not any(thread.is_alive() for thread in threads), _LONG)
        threading.Event().wait(self._dice.uniform(0, _SPREAD))  # any moment: the one place where time is the point

    def _kill(self, daemon: Daemon, victim: str, applications: _Applications) -> None:
        self._score.kills[victim] += 1
        if victim in ("carrier", "keeper"):
            # The last one's successor may be on its way; a keeper has none until its carrier needs it.
            here = daemon.until(lambda: (alive := daemon.processes())[victim] or alive["carrier"])
            daemon.kill(self._dice.choice(here))
        else:
            self._bring_down(daemon, victim, applications)
        self._check(daemon)

    def _bring_down(self, daemon: Daemon, victim: str, applications: _Applications) -> None:
        applications.is_open.clear()
        if victim == "all":
            daemon.kill_all()
        else:
            daemon.kill(daemon.processes()[victim][0])
        if victim == "fork server":
            assert daemon.wait_exit() != 0, "without its fork server it must fail, or nobody starts it again"
        self._check(daemon)
        daemon.restart()
        applications.is_open.set()

    def _check(self, daemon: Daemon) -> None:
        books = daemon.audit()
        assert books.balances, f"{books}\n{self._score}\n{daemon.log_tail()}"

    def _count(self, daemon: Daemon, sink: Sink, applications: _Applications) -> None:
        score = self._score
        copies: dict[tuple[str, str], list[str]] = {}
        for mail in sink.mails():
            copies.setdefault((mail["marker"], mail["to"]), []).append(mail["digest"])
        came = {each: len(digests) for each, digests in copies.items()}
        here = {
            (subject, to): (state, doubts)
            for subject, to, state, doubts in daemon.rows(
                "SELECT m.subject, d.forward_path, d.state, (SELECT count(*) FROM doubt b WHERE b.delivery_id = d.id)"
                " FROM delivery d JOIN message m ON m.id = d.message_id"
            )
        }
        for each in applications.promised:
            state, _ = here.get(each, (None, 0))
            is_queued = state is not None and state < 10
            score.accepted += 1
            score.delivered += each in came
            score.queued += each not in came and is_queued
            if each not in came and not is_queued:
                score.lost.append("{} to {}".format(*each))
        score.in_doubt = sum(doubts for _, doubts in here.values())
        score.repeated = sum(count > 1 for count in came.values())
        score.changed = [f"{marker} to {to}" for (marker, to), digests in copies.items() if len(set(digests)) > 1]
        score.unexplained = [
            f"{marker} to {to}: {count} times, {here.get((marker, to), (None, 0))[1]} doubts"
            for (marker, to), count in came.items()
            if count - 1 > here.get((marker, to), (None, 0))[1]
        ]
