"""A test of a flow, run: the same play as a simulation's, over the test's few lines, held against what it expects."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.flow.entering import ByHand
from engine.flow.events import natural_key
from engine.flow.model import Definition
from engine.running import facts
from engine.simulation.people import Person
from engine.simulation.play import Play, Rules
from engine.simulation.script import ExpectedMail, ExpectedRun, Expects, Happens, Line, Passes, Place, Starts, Trial
from engine.simulation.tally import Mail, Tally
from engine.simulation.world import World
from mta.ports import from_ms, to_ms

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Differs:
    """Something that is not as expected: of what, what is missing (-) and what is too much (+)."""

    place: Place
    test: str
    what: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def lines(self, file: str) -> Iterator[str]:
        yield f"{file}:{self.place.line}:{self.place.column}: {self.test}: {self.what}"
        yield from (f"  - {each}" for each in self.missing)
        yield from (f"  + {each}" for each in self.extra)


class _Watched(Play):
    """A play that remembers which runs ended how."""

    def __init__(self, *told: object) -> None:
        self.over: list[tuple[Person, str, str]] = []
        super().__init__(*told)  # type: ignore[arg-type]

    def note_end(self, person: Person, key: str, how: str) -> None:
        super().note_end(person, key, how)
        self.over.append((person, key, how))


def run(definition: Definition, trial: Trial) -> list[Differs]:
    """What is not as the test expects. Nobody is held out, and splits go as the test says."""
    people = {each.id: replace(each) for each in trial.people}
    rules = Rules(trial.policy, _UTC, winners=trial.splits)
    play = _Watched(replace(definition, holdout=0.0), World(people), rules, Tally())
    return list(_Performance(play, trial).differences())


class _Performance:
    """One test being run."""

    def __init__(self, play: _Watched, trial: Trial) -> None:
        self._play, self._trial = play, trial
        self._people = {each.address: each for each in play.world.people.values()}
        self._now = trial.begins
        play.world.begin(to_ms(trial.begins))
        self._seen = 0
        self._refused: Counter[tuple[str, str]] = Counter()

    def differences(self) -> Iterator[Differs]:
        for place, line in self._trial.lines:
            if isinstance(line, Expects):
                yield from self._look(place, line)
            else:
                self._do(line)
        if rest := self._mails():
            extra = tuple(self._told(each) for each in rest)
            yield Differs(self._trial.place, self._trial.name, "mails that no expect spoke of", (), extra)

    def _do(self, line: Line) -> None:
        match line:
            case Happens(name=name, of=of, data=data, key=key, at=at):
                found, told_ms = key or natural_key(name, data), to_ms(self._now)
                happened_ms = min(to_ms(at), told_ms) if at else None
                text = json.dumps(dict(data))
                self._play.world.happen(told_ms, name, self._people[of].id, found, text, happened_ms)
            case Starts(of=of, data=data):
                person = self._people[of]
                scope = facts.scope(person.facts(), dict(data), self._now, person.zone)
                self._play.enter(person, ByHand(), data, scope, self._now)
            case Passes(span=span):
                self._now = span.after(self._now, _UTC)
        self._play.world.settle(to_ms(self._now))

    def _mails(self) -> list[Mail]:
        """Those since the last look."""
        found = list(self._play.tally.mails)[self._seen :]
        self._seen += len(found)
        return found

    def _look(self, place: Place, expects: Expects) -> Iterator[Differs]:
        mails, refused = self._mails(), self._play.tally.refused - self._refused
        self._refused = Counter(self._play.tally.refused)
        if expects.mails is not None or mails:
            missing, extra = self._compare_mails(expects.mails or (), mails)
            yield from self._differ(place, "mails", missing, extra)
        if expects.refused is not None:
            wanted = Counter((each.step, each.reason) for each in expects.refused)
            yield from self._differ(place, "refused", _counted(wanted - refused), _counted(refused - wanted))
        if expects.runs is not None:
            yield from self._differ(place, "runs", *self._compare_runs(expects.runs))

    def _differ(self, place: Place, what: str, missing: Sequence[str], extra: Sequence[str]) -> Iterator[Differs]:
        if missing or extra:
            words = f"{what} are not as expected (- missing, + too much), at {_time(self._now)}"
            yield Differs(place, self._trial.name, words, tuple(missing), tuple(extra))

    def _compare_mails(self, expected: Sequence[ExpectedMail], came: list[Mail]) -> tuple[list[str], list[str]]:
        missing, left = [], list(came)
        for each in sorted(expected, key=lambda mail: (not mail.step, mail.at is None)):  # the strictest first
            found = next((mail for mail in left if self._is_that(each, mail)), None)
            if found is None:
                step = f", step {each.step}" if each.step else ""
                missing.append(f"{each.mail} to {each.to}{step}" + (f", at {_time(each.at)}" if each.at else ""))
            else:
                left.remove(found)
        return missing, [self._told(each) for each in left]

    def _is_that(self, expected: ExpectedMail, mail: Mail) -> bool:
        return (
            mail.template == expected.mail
            and self._play.world.people[mail.contact_id].address == expected.to
            and expected.step in ("", mail.step)
            and expected.at in (None, from_ms(mail.at_ms))
        )

    def _compare_runs(self, expected: Sequence[ExpectedRun]) -> tuple[list[str], list[str]]:
        left = [*self._standing(), *((who.address, key, "", how) for who, key, how in self._play.over)]
        missing = []
        for each in sorted(expected, key=lambda run: run.key is None):
            wanted = (each.of, each.before, each.ended)
            found = next(
                (run for run in left if (run[0], run[2], run[3]) == wanted and each.key in (None, run[1])), None
            )
            if found is None:
                missing.append(_state(each.of, each.key or "", each.before, each.ended))
            else:
                left.remove(found)
        return missing, [_state(*each) for each in left]

    def _standing(self) -> Iterator[tuple[str, str, str, str]]:
        for runs in self._play.runs.values():
            yield from ((run.person.address, run.key, run.standing.step, "") for run in runs)

    def _told(self, mail: Mail) -> str:
        who = self._play.world.people[mail.contact_id].address
        return f"{mail.template} to {who}, step {mail.step}, at {_time(from_ms(mail.at_ms))}"


def _state(who: str, key: str, before: str, ended: str) -> str:
    what = f"ended: {ended}" if ended else f"before {before or 'the end'}"
    return f"{who}{f' ({key})' if key else ''} {what}"


def _counted(found: Counter[tuple[str, str]]) -> list[str]:
    return [f"{step}: {reason}" + (f" ({count} times)" if count > 1 else "") for (step, reason), count in found.items()]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"
