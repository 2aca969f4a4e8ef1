"""Restarts: a Posthouse that is stopped, killed and reloaded while mail and requests come without a pause.

A holder of descriptors stands in for systemd: the listening sockets are the test's own and stay open while nobody
serves them, so whoever knocks then waits in the backlog. Applications hand mail over, each message on a connection of
its own; others tell of events by HTTP, each with an Idempotency-Key and again with the same one where the answer was
cut off. At the end the books are compared: theirs, the daemon's, the sink's.
"""

import contextlib
import http.client
import json
import random
import smtplib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from house import Daemon, hand_over, letter
from house_process import PATIENCE
from house_sink import Sink

from engine.web.server import HEAR_SECONDS

WAYS = ("stop", "kill", "reload")
DOORS = ("submission", "inbound", "web")
_TELLERS = 4
_PAUSE = 0.02  # seconds between two connections of one client: "without a pause", and the machine has other work too
_EVENT = "shop.restarted"


@dataclass(slots=True)
class Side:
    """What clients of one door met. `patience`: so many seconds a daemon that goes gives to whoever it has let in."""

    patience: float
    connections: int = 0
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # nobody listened, or "come again" before it began
    cut: Counter[str] = field(
        default_factory=Counter
    )  # connections that ended without an answer, by the way of the restart
    late: int = 0  # that stood still for longer than its patience: they may be sent away
    longest: float = 0.0  # seconds from connecting to the first word


@dataclass(slots=True)
class Score:
    """What the books say together."""

    mail: Side
    requests: Side
    restarts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)  # promised, and neither there nor here
    twice: list[str] = field(
        default_factory=list
    )  # came more often than doubts on record allow; events told of that are two
    in_doubt: int = 0

    @property
    def is_clean(self) -> bool:
        """Nobody was refused, nothing was lost, nothing came twice, and a stop or a reload cut nobody off."""
        cut = {way for side in (self.mail, self.requests) for way, count in side.cut.items() if count}
        return not (self.mail.refused or self.requests.refused or self.lost or self.twice or cut - {"kill"})

    def __str__(self) -> str:
        ways = ", ".join(f"{self.restarts[way]} {way}" for way in WAYS)
        lines = [f"restarts = {sum(self.restarts.values())} ({ways})"]
        for name, side in (("mail", self.mail), ("requests", self.requests)):
            cut = ", ".join(f"{count} by a {way}" for way, count in sorted(side.cut.items())) or "0"
            lines.append(
                f"{name}: connections = {side.connections}, accepted = {len(side.accepted)}, refused = {len(side.refused)},"
                f" cut off = {cut}, late = {side.late}, longest wait = {side.longest:.1f} s"
            )
        lines.append(f"lost = {len(self.lost)}, in doubt = {self.in_doubt}, twice without a doubt = {len(self.twice)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Began:
    """When a connection did, by the clock and by the ways."""

    at: float
    way: int


class Restarts:
    """Clients, and a daemon that goes down and comes again beneath them."""

    def __init__(self, daemon: Daemon, token: str, *, sessions: int, seed: int) -> None:
        self.score = Score(Side(daemon.settings["daemon"]["drain"]), Side(HEAR_SECONDS))
        self._ways = ["nothing"]  # how it went down, one after another, and what was then; the last is the case now
        self._daemon, self._token = daemon, token
        self._dice = random.Random(seed)
        self._is_over = threading.Event()
        self._news = threading.Condition()
        works = [self._send] * sessions + [self._tell] * _TELLERS
        self._threads = [
            threading.Thread(target=self._run, args=(work, number), daemon=True) for number, work in enumerate(works)
        ]

    def play(self, rounds: int, messages: int) -> None:
        """So many restarts, each after about so many more messages; then until the queue is empty."""
        for thread in self._threads:
            thread.start()
        try:
            for number in range(rounds):
                self._until(self._dice.randrange(messages // 2, messages + 1))
                way = WAYS[number % len(WAYS)]
                self._ways.append(way)
                getattr(self, f"_{way}")()
                self._ways.append("nothing")
                self.score.restarts[way] += 1
            self._until(messages)
        finally:
            self._is_over.set()
            for thread in self._threads:
                thread.join()

    def _until(self, more: int) -> None:
        wanted = len(self.score.mail.accepted) + more
        with self._news:
            while len(self.score.mail.accepted) < wanted:
                assert self._news.wait(PATIENCE), self._daemon.log_tail()

    def _stop(self) -> None:
        assert self._daemon.stop() == 0, self._daemon.log_tail()
        self._daemon.start()

    def _kill(self) -> None:
        self._daemon.kill_all()
        self._daemon.restart()

    def _reload(self) -> None:
        self._daemon.act("reload")

    # -- clients

    def _run(self, work: Callable[[str], None], who: int) -> None:
        number = 0
        while not self._is_over.wait(_PAUSE):
            number += 1
            work(f"{who}.{number}")

    def _send(self, marker: str) -> None:
        side, began = self.score.mail, self._begin()
        try:
            with contextlib.closing(self._daemon.smtp()) as smtp:
                side.longest = max(side.longest, time.monotonic() - began.at)
                to = f"r{marker}@d{len(marker) % 3}.example"
                hand_over(smtp, "app@shop.example", [to], letter(to, subject=marker, X_Marker=marker))
        except (ConnectionRefusedError, smtplib.SMTPResponseException) as refusal:
            self._note(side, began, refused=f"{marker}: {refusal!r}")
        except (OSError, smtplib.SMTPServerDisconnected):
            self._note(side, began, cut=self._way_since(began))
        else:
            self._note(side, began, accepted=marker)

    def _tell(self, marker: str) -> None:
        """Until it is answered."""
        body = json.dumps({"name": _EVENT, "data": {"marker": marker}})
        headers = {
            "Authorization": f"Bearer {self._token}", "Content-Type": "application/json", "Idempotency-Key": marker,
        }  # fmt: skip
        while True:
            side, began = self.score.requests, self._begin()
            asking = http.client.HTTPConnection("127.0.0.1", self._daemon.web_port, timeout=PATIENCE)
            try:
                asking.request("POST", "/v1/events", body, headers)
                answer = asking.getresponse()
                answer.read()
            except ConnectionRefusedError as refusal:
                self._note(side, began, refused=f"{marker}: {refusal!r}")
                return
            except (OSError, http.client.HTTPException):
                self._note(side, began, cut=self._way_since(began))
                continue
            finally:
                asking.close()
                side.longest = max(side.longest, time.monotonic() - began.at)
            if answer.status in (200, 201):
                self._note(side, began, accepted=marker)
            else:
                self._note(side, began, refused=f"{marker}: {answer.status}")
            return

    def _begin(self) -> _Began:
        return _Began(time.monotonic(), len(self._ways) - 1)

    def _way_since(self, began: _Began) -> str:
        """What cut a connection off: it may hear of it when the next way is gone already."""
        ways = self._ways[began.way :]
        return "kill" if "kill" in ways else next((way for way in reversed(ways) if way != "nothing"), "nothing")

    def _note(self, side: Side, began: _Began, *, accepted: str = "", refused: str = "", cut: str = "") -> None:
        is_late = not accepted and cut != "kill" and time.monotonic() - began.at >= side.patience
        with self._news:
            side.connections += 1
            side.late += is_late
            side.accepted += [accepted] if accepted else []
            side.refused += [refused] if refused and not is_late else []
            side.cut += Counter([cut] if cut and not is_late else [])
            self._news.notify_all()


def restarts(folder: Path, *, rounds: int, sessions: int = 20, messages: int = 60, seed: int = 1) -> Score:
    """Play so many, and count."""
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Sink(folder))
        doors = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024)) for name in DOORS}
        daemon = stack.enter_context(Daemon(folder, next_hop=sink.address, sockets=doors))
        daemon.submission_port, _, daemon.web_port = (each.getsockname()[1] for each in doors.values())
        made = daemon.command("token", "add", "shop", "--scope", "events", "--rate", "60000", "--json")
        assert made.returncode == 0, made.stderr
        played = Restarts(daemon, json.loads(made.stdout)["token"], sessions=sessions, seed=seed)
        played.play(rounds, messages)
        daemon.until_idle()
        assert daemon.audit().balances, daemon.audit()
        _count(played.score, daemon, sink)
        return played.score


def _count(score: Score, daemon: Daemon, sink: Sink) -> None:
    came = sink.kept()
    doubts = dict(
        daemon.rows("SELECT m.subject, count(*) FROM doubt b JOIN delivery d ON d.id = b.delivery_id"
                    " JOIN message m ON m.id = d.message_id GROUP BY m.subject")
    )  # fmt: skip
    told = Counter(
        json.loads(data)["marker"] for (data,) in daemon.rows("SELECT data FROM event WHERE name = ?", _EVENT)
    )
    score.in_doubt = sum(doubts.values())
    score.lost = [each for each in score.mail.accepted if not came[each]]
    score.lost += [each for each in score.requests.accepted if not told[each]]
    score.twice = [each for each, count in came.items() if count - 1 > doubts.get(each, 0)]
    score.twice += [each for each, count in told.items() if count > 1]
