"""Who plays what when every recipe is played in the lab: each recipe's own tests, cast with people in five languages.

Of a recipe's tests those are played that bring each of its mails, for as long as it takes. What their events speak of is sold
by the sample shop: a "T-1" of a test is one of its things, in the reader's language.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.flow.actions import Join
from engine.flow.definition import check
from engine.flow.model import Definition, Do
from engine.history.wares import SITE, Ware, wares
from engine.simulation.people import Person
from engine.simulation.script import Expects, Happens, Passes, Starts, Trial
from engine.simulation.scripts import flow_of, read_tests

LOCALES: Final = ("en", "he", "ru", "zh", "zh-Hant")
HOST: Final = "shop.lab"
SLACK: Final = timedelta(minutes=15)  # after each wait of a test: what came before took some time, too
_UTC: Final = ZoneInfo("UTC")
_NAMES: Final = {"en": "Ann Baker", "he": "נועה לוי", "ru": "Анна Сокол", "zh": "王芳", "zh-Hant": "陳怡君"}
_WHOSE: Final = ("number", "order", "tracking_number", "cart_id")  # what is one person's in an event
_KNOWN: Final = ("T-1", "C-2", "T-9")  # what tests call things

Deed = Happens | Starts


class NoCast(ValueError):
    """A recipe that can't be played; the words say which and why."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One person of a test, in one language. `deeds` are what happens to them, by when it does; `mails` what must come,
    in this order; `looks` when one is expected to the minute."""

    recipe: str
    person: Person
    address: str
    locale: str
    begins: datetime
    ends: datetime
    deeds: tuple[tuple[datetime, Deed], ...]
    mails: tuple[str, ...]
    looks: tuple[datetime, ...]
    is_asked: bool  # to confirm a list
    holdout: float  # the share of people who get nothing: the actors are of the others


@dataclass(frozen=True, slots=True)
class Recipe:
    """A flow that comes with Posthouse, its file, and its actors."""

    name: str
    source: str
    flow: Definition
    needs: tuple[str, ...]  # the comment above it, line by line
    actors: tuple[Actor, ...] = field(repr=False)


def recipes(folder: Path, only: Sequence[str] = (), pictures: str = SITE) -> list[Recipe]:
    """All recipes of a folder, or those of these names; `pictures` is the beginning of the addresses of what is sold. NoCast."""
    tests = sorted(folder.glob("*.test.yaml"))
    found = [_cast(each, pictures) for each in tests if not only or each.name.removesuffix(".test.yaml") in only]
    if missing := set(only) - {each.name for each in found}:
        raise NoCast(f"there is no recipe {', '.join(sorted(missing))} with a test in {folder}")
    return found


def _cast(tests: Path, pictures: str) -> Recipe:
    text = tests.read_text(encoding="utf-8")
    name = flow_of(text, tests.name)
    if not isinstance(name, str):
        raise NoCast(str(name[0]))
    source = (tests.parent / name).read_text(encoding="utf-8")
    flow = check(source, name)
    if not isinstance(flow, Definition):
        raise NoCast(str(flow[0]))
    trials = read_tests(text, tests.name, flow)
    if not all(isinstance(each, Trial) for each in trials):
        raise NoCast(str(trials[0]))
    chosen = _chosen([each for each in trials if isinstance(each, Trial)], flow)
    actors = tuple(each for number, trial in enumerate(chosen, 1) for each in _actors(flow, trial, number, pictures))
    needs = tuple(line[1:].strip() for line in source.splitlines() if line.startswith("#"))
    return Recipe(flow.name, source, flow, needs, actors)


# -- which tests


def _chosen(trials: Sequence[Trial], flow: Definition) -> list[Trial]:
    """Tests that bring all mails, the fullest and then the shortest first; and those of people who read another language."""
    if not any(_mails(each) for each in trials):
        return list(trials[:1])
    left, chosen = set(flow.templates), list[Trial]()
    while left:
        fit = [each for each in trials if set(_mails(each)) & left]
        if not fit:
            raise NoCast(f"no test of {flow.name} brings {', '.join(sorted(left))}")
        best = min(fit, key=lambda each: (-len(set(_mails(each)) & left), _span(each)))
        chosen.append(best)
        left -= set(_mails(best))
    more = [each for each in trials if each not in chosen and _mails(each) and any(who.locale for who in each.people)]
    return chosen + more


def _mails(trial: Trial) -> list[str]:
    return [mail.mail for _, line in trial.lines if isinstance(line, Expects) for mail in line.mails or ()]


def _span(trial: Trial) -> timedelta:
    """Until the last mail that is new."""
    return _until_the_last(trial)[-1][0] - trial.begins


def _until_the_last(trial: Trial) -> list[tuple[datetime, Deed | Expects]]:
    """What happens and is expected, by when it does, up to the expectation that brings the last mail that is new."""
    told: list[tuple[datetime, Deed | Expects]] = []
    now, seen, end = trial.begins, set[str](), 1
    for _, line in trial.lines:
        if isinstance(line, Passes):
            now = line.span.after(now, _UTC) + SLACK
            continue
        told.append((now, line))
        if isinstance(line, Expects) and (new := {each.mail for each in line.mails or ()} - seen):
            seen |= new
            end = len(told)
    return told[:end] if seen else told


# -- who


def _actors(flow: Definition, trial: Trial, number: int, pictures: str) -> Iterator[Actor]:
    told = _until_the_last(trial)
    is_asked = any(_joins(each.step) for each in flow.program.values()) and not _mails(trial)
    for person in trial.people:
        for locale in (person.locale,) if person.locale else LOCALES:
            address = f"{flow.name}.{number}{person.id}.{locale.lower()}@{HOST}"
            sold = _Sold(language_of(locale), address, pictures)
            mine = [(at, line) for at, line in told if isinstance(line, Happens | Starts) and line.of == person.address]
            mails = [
                (each.mail, each.at)
                for _, line in told
                if isinstance(line, Expects)
                for each in line.mails or ()
                if each.to == person.address
            ]
            yield Actor(
                flow.name, person, address, locale, trial.begins, told[-1][0] + SLACK,
                tuple((at, _sold(line, sold)) for at, line in mine), tuple(mail for mail, _ in mails),
                tuple(at for _, at in mails if at is not None), is_asked, flow.holdout,
            )  # fmt: skip


def _joins(step: object) -> bool:
    return isinstance(step, Do) and isinstance(step.action, Join)


def name_of(actor: Actor) -> str:
    return actor.person.name or _NAMES[language_of(actor.locale)]


def language_of(locale: str) -> str:
    """Of the five that mails come in, the one for a reader of this locale."""
    if locale.lower() in ("zh-hant", "zh-tw", "zh-hk"):
        return "zh-Hant"
    language = locale.partition("-")[0]
    return language if language in LOCALES else "en"


# -- what is spoken of


def _sold(line: Deed, sold: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Deed:
    if isinstance(line, Starts):
        return Starts(line.of, sold(line.data))
    return Happens(line.name, line.of, sold(line.data), line.key)


@dataclass(frozen=True, slots=True)
class _Sold:
    """Makes of a test's data what the sample shop would have told somebody."""

    language: str
    whose: str
    pictures: str

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        told = {**dict(data), **{key: self._own(data[key]) for key in _WHOSE if key in data}}
        for key in ("lines", "picks"):
            if isinstance(data.get(key), list):
                told[key] = [self._line(at, each) for at, each in enumerate(data[key])]
        if "lines" in told or "total" in told:
            told.setdefault("currency", wares()[0].price_in(self.language)[1])
        if "upgrade" in told:
            told["upgrade"] = wares()[20].told(self.language, self.pictures)
        return self._thing(told) if "sku" in told and "name" in told else told

    def _own(self, value: Any) -> Any:
        return f"{value}-{self.whose.partition('@')[0]}" if isinstance(value, str) else value

    def _line(self, at: int, line: Mapping[str, Any]) -> dict[str, Any]:
        told = _ware(str(line.get("sku", "")), at).told(self.language, self.pictures)
        return {**{key: value for key, value in told.items() if key != "currency"}, "quantity": line.get("quantity", 1)}

    def _thing(self, told: dict[str, Any]) -> dict[str, Any]:
        """A thing with all that the shop knows of it; its number, price and stock as the test says."""
        shown = _ware(str(told["sku"]), 0).told(self.language, self.pictures)
        return {**shown, **{key: value for key, value in told.items() if key not in ("sku", "name", "url", "image")}}


def _ware(sku: str, at: int) -> Ware:
    return wares()[_KNOWN.index(sku) if sku in _KNOWN else (at if not sku else sum(sku.encode()) % len(wares()))]
