"""Torture of flows: kill -9 at random moments while people pass a flow, and then count.

Everybody's event is recorded before the daemon starts. While carriers match, decide, write and deliver, any process dies
without a word, again and again, and is started again as a supervisor would. At the end each run is gone over: its passages
must be a walk through the flow from the trigger to the end (a step that is missing was lost, one that is there twice was done
twice), what steps did to the contact must be there once (counters, tags, events), each send one mail; and a mail may have
arrived twice only where a doubt is on record.
"""

import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from house import Daemon
from house_sink import Sink
from house_torture import VICTIMS

from deliverability.address import Address
from engine.audience.fields import Field, Kind, declare
from engine.flow.definition import Definition, check
from engine.flow.events import make_event
from engine.flow.model import If, Split, WaitFor
from engine.intake.recording import record
from engine.running.book import apply_flow
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import Tx

FLOW = """\
name: torture
stream: transactional
trigger: {event: torture.start, key: event.number}
steps:
  - if: event.number % 2 == 0
    id: even
    then: [{tag: even}]
    else: [{wait: 1s, id: rest}]
  - add: {steps: 1}
    id: first
  - split:
      - {weight: 1, name: a, then: [{emit: torture.echo, id: echo}]}
      - {weight: 1, name: b, then: [{wait: 2s, id: longer}]}
    id: way
  - wait: {for: {event: torture.echo}, timeout: 2s}
    id: heard
    then: [{tag: heard}]
    else: [{untag: even}]
  - if: event.number % 20 == 0
    id: some
    then: [{send: note, id: mail}]
  - add: {steps: 10}
    id: second
  - exit: done
"""
STEPS_EACH = 9  # about, of one run
CHUNK = 500
_SPREAD = 0.05  # seconds: about what a batch takes, so that every point in its life can be the last
_LEASE = 30


@dataclass(frozen=True, slots=True)
class FlowPlan:
    kills: int
    enrolments: int
    seed: int
    database: str = ""


@dataclass(slots=True)
class FlowScore:
    """What the books say together."""

    ended: int = 0  # runs that came to their end
    steps: int = 0
    mails: int = 0  # that sends asked for
    arrived: int = 0
    in_doubt: int = 0  # doubts on record
    lost: list[str] = field(default_factory=list)  # steps, or runs, or mails that are missing
    twice: list[str] = field(default_factory=list)  # steps, or effects, that happened twice
    doubled: list[str] = field(default_factory=list)  # mails that came more often than doubts on record allow
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.twice or self.doubled)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {victim}" for victim, count in sorted(self.kills.items()))
        return (
            f"kills = {sum(self.kills.values())} ({kills})\nruns ended = {self.ended}\nsteps = {self.steps}\n"
            f"mails asked = {self.mails}, arrived = {self.arrived}, in doubt = {self.in_doubt}\n"
            f"steps lost = {len(self.lost)}\ndone twice = {len(self.twice)}\n"
            f"mails doubled beyond the in-doubt mark = {len(self.doubled)}"
        )


class FlowTorture:
    """One run of a plan."""

    def __init__(self, folder: Path, plan: FlowPlan) -> None:
        self._folder, self._plan = folder, plan
        self._dice, self._score = random.Random(plan.seed), FlowScore()
        self._definition = _definition()

    def run(self) -> FlowScore:
        settings = {
            "queue": {"resend_at_most": 100}, "database": {"url": self._plan.database}, "templates": "templates",
        }  # fmt: skip
        with Sink(self._folder) as sink:
            daemon = Daemon(self._folder, next_hop=sink.address, settings=settings)
            made = daemon.command("domain", "add", "shop.example")
            assert made.returncode == 0, made.stderr
            self._seed(daemon)
            with daemon:
                self._torture(daemon)
                daemon.until(lambda: self._is_over(daemon), 600)
                daemon.until_idle(_LEASE + 120)
                assert daemon.audit().balances, daemon.log_tail()
                self._count(daemon, sink)
        return self._score

    def _seed(self, daemon: Daemon) -> None:
        _write_templates(daemon.state / "templates")
        clock = SystemClock()
        store = store_at(self._plan.database or daemon.state / "posthouse.db", clock).open()
        try:
            store.migrate()
            now = clock.now()
            store.write_now(lambda tx: declare(tx, Field("steps", Kind.NUMBER), now))
            store.write_now(lambda tx: apply_flow(tx, self._definition, FLOW, now))
            for begin in range(1, self._plan.enrolments + 1, CHUNK):
                numbers = range(begin, min(begin + CHUNK, self._plan.enrolments + 1))
                store.write_now(lambda tx, numbers=numbers: _people(tx, numbers, clock))  # type: ignore[misc]
        finally:
            store.close()

    # -- killing

    def _torture(self, daemon: Daemon) -> None:
        deck = [VICTIMS[place % len(VICTIMS)] for place in range(self._plan.kills)]
        self._dice.shuffle(deck)
        whole = self._plan.enrolments * STEPS_EACH
        for turn, victim in enumerate(deck, 1):
            wanted = turn * whole // (len(deck) + 1)
            daemon.until(lambda wanted=wanted: self._is_so_far(daemon, wanted), 120)  # type: ignore[misc]
            threading.Event().wait(self._dice.uniform(0, _SPREAD))  # any moment: here time is the point
            self._kill(daemon, victim)

    def _is_so_far(self, daemon: Daemon, steps: int) -> bool:
        return daemon.rows("SELECT COALESCE(MAX(id), 0) FROM passage")[0][0] >= steps or self._is_over(daemon)

    def _is_over(self, daemon: Daemon) -> bool:
        return (
            daemon.rows("SELECT id FROM event WHERE matched = 0 LIMIT 1") == []
            and daemon.rows("SELECT id FROM enrolment WHERE state = 'waiting' LIMIT 1") == []
        )

    def _kill(self, daemon: Daemon, victim: str) -> None:
        self._score.kills[victim] += 1
        if victim in ("carrier", "keeper"):
            here = daemon.until(lambda: (alive := daemon.processes())[victim] or alive["carrier"])
            daemon.kill(self._dice.choice(here))
            return
        if victim == "all":
            daemon.kill_all()
        else:
            daemon.kill(daemon.processes()[victim][0])
        if victim == "fork server":
            assert daemon.wait_exit() != 0, "without its fork server it must fail, or nobody starts it again"
        daemon.restart()

    # -- counting

    def _count(self, daemon: Daemon, sink: Sink) -> None:
        score = self._score
        passages: dict[int, list[tuple[str, str, str]]] = {}
        for enrolment_id, step, kind, result in daemon.rows(
            "SELECT enrolment_id, step, kind, result FROM passage ORDER BY enrolment_id, id"
        ):
            passages.setdefault(enrolment_id, []).append((step, kind, result))
        runs = daemon.rows("SELECT id, contact_id, ended_how FROM enrolment ORDER BY id")
        sendings = Counter(row[0] for row in daemon.rows("SELECT enrolment_id FROM sending"))
        if len(runs) != self._plan.enrolments:
            score.lost.append(f"{self._plan.enrolments - len(runs)} runs")
        for enrolment_id, contact_id, how in runs:
            score.ended += how == "exit"
            self._follow(f"run {enrolment_id} of {contact_id}", passages.get(enrolment_id, []), sendings[enrolment_id])
        self._effects(daemon, passages, {each: contact_id for each, contact_id, _ in runs})
        self._mails(daemon, sink)

    def _follow(self, name: str, passages: list[tuple[str, str, str]], mails: int) -> None:
        """The passages are a walk through the program, and each send is one mail."""
        score, program = self._score, self._definition.program
        seen = Counter(step for step, _, _ in passages)
        score.twice += [f"{name}: {step}" for step, count in seen.items() if count > 1]
        step = self._definition.first
        for place, (passed, kind, result) in enumerate(passages[1:], 1):
            if passed != step:
                score.lost.append(f"{name}: {step} (then came {passed})")
                return
            score.steps += 1
            if kind == "exit":
                step = ""
                break
            instruction = program[passed]
            ways = isinstance(instruction.step, If | Split | WaitFor)
            step = instruction.way(result) if ways else instruction.next
            assert place < 50
        if step:
            score.lost.append(f"{name}: {step}, and all after it")
        if mails != seen["mail"]:
            (score.lost if mails < seen["mail"] else score.twice).append(f"{name}: {mails} mails")

    def _effects(self, daemon: Daemon, passages: dict[int, list[tuple[str, str, str]]], people: dict[int, int]) -> None:
        score = self._score
        echoes = Counter(row[0] for row in daemon.rows("SELECT contact_id FROM event WHERE name = 'torture.echo'"))
        fields = {row[0]: json.loads(row[1]).get("steps", 0) for row in daemon.rows("SELECT id, fields FROM contact")}
        tags: dict[int, set[str]] = {}
        for contact_id, tag in daemon.rows("SELECT contact_id, tag FROM tag"):
            tags.setdefault(contact_id, set()).add(tag)
        for enrolment_id, passed in passages.items():
            contact_id, steps = people[enrolment_id], {step for step, _, _ in passed}
            wanted = ("first" in steps) + 10 * ("second" in steps)
            if (came := fields.get(contact_id, 0)) != wanted:
                (score.lost if came < wanted else score.twice).append(f"contact {contact_id}: counted {came}")
            if (told := echoes[contact_id]) != ("echo" in steps):
                (score.lost if told == 0 else score.twice).append(f"contact {contact_id}: {told} events")
            if ("heard" in tags.get(contact_id, ())) != ("tag-heard" in steps):
                score.lost.append(f"contact {contact_id}: a tag")

    def _mails(self, daemon: Daemon, sink: Sink) -> None:
        score = self._score
        came = Counter(mail["to"] for mail in sink.mails())
        for to, doubts in daemon.rows(
            "SELECT d.forward_path, (SELECT count(*) FROM doubt b WHERE b.delivery_id = d.id) FROM delivery d"
            " JOIN sending s ON s.message_id = d.message_id"
        ):
            score.mails += 1
            score.in_doubt += doubts
            score.arrived += to in came
            if to not in came:
                score.lost.append(f"the mail to {to}")
            if came[to] - 1 > doubts:
                score.doubled.append(f"{to}: {came[to]} times, {doubts} doubts")


def _definition() -> Definition:
    found = check(FLOW, "torture.yaml")
    assert isinstance(found, Definition), [str(each) for each in found]
    return found


def _people(tx: Tx, numbers: range, clock: SystemClock) -> None:
    now = clock.now() - timedelta(seconds=1)
    for each in numbers:
        to = Address.parse(f"p{each}@d{each % 7}.example")
        record(tx, make_event("torture.start", {"number": each}, at=now, source="command", address=to), now=now)


def _write_templates(folder: Path) -> None:
    (folder / "mail").mkdir(parents=True)
    (folder / "mail" / "note.toml").write_text('[en]\nsubject = "Number {number}"\n')
    (folder / "mail" / "note.txt.j2").write_text(
        '{% block subject %}{{ t("subject", number=data.number) }}{% endblock %}\nNumber {{ data.number }}\n'
    )
    (folder / "mail" / "note.html.j2").write_text(
        "<html><head><title>{{ subject }}</title></head><body><p>Number {{ data.number }}</p></body></html>\n"
    )
