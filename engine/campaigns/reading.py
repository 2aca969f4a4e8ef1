"""Reading a campaign file: `check` gives the Campaign, or everything that is wrong with it, each with line and column.

The version of a campaign is the hash of its text, so the same text is the same campaign everywhere.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from engine.campaigns import values
from engine.campaigns.model import Audience, Campaign, Goal, Group, Late, Metric, Misfire, Test, Variant
from engine.campaigns.texts import TextReader
from engine.campaigns.whens import read_when
from engine.flow.civil import Span
from engine.flow.definition import version_of
from engine.flow.document import Entry, Fault, Sheet
from engine.flow.known import NOTHING_KNOWN
from engine.flow.pauses import read_window
from engine.flow.scalars import EVENT, NAME
from engine.flow.shapes import Page
from engine.flow.spelling import near
from engine.flow.steps import read_tracking
from engine.flow.words import BETWEEN, TRACKING

TOP: Final = (
    "name", "title", "about", "goal", "audience", "template", "subject", "sender", "content", "variants", "test", "when",
    "throttle", "window", "hours", "late", "best_before", "holdout", "tracking", "priority", "over",
)  # fmt: skip
GROUP: Final = ("lists", "segments", "tags")
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "": TOP, "goal": ("event", "within"), "audience": ("lists", "segments", "minus"), "audience.minus": GROUP,
    "variants[]": ("name", "subject", "template", "content", "sender", "at"),
    "test": ("sample", "metric", "after", "significance", "otherwise"),
    "when": ("at", "zone", "if_passed", "rrule", "from"), "late": ("after", "do"),
}  # fmt: skip
"""Every key that a campaign file may have, by where it stands."""

_REQUIRED: Final = {
    "name": "such as name: spring-news",
    "goal": "say which event counts, such as goal: {event: order.placed, within: 7d}",
    "audience": "such as audience: {lists: [newsletter]}",
    "template": "such as template: newsletter",
}
_DEFAULT_WITHIN: Final = Span(7, timedelta())
_BEST_BEFORE: Final = timedelta(days=2)
_LEAST_SIGNIFICANCE: Final = 0.8
_CONTENT: Final = frozenset({"content", "template"})


def check(text: str, filename: str, templates: Collection[str] | None = None) -> Campaign | list[Fault]:
    """The campaign that `text` describes, or all its faults in the order of their lines.

    `templates` are the mail templates there are; None when nobody knows.
    """
    sheet = Sheet(filename)
    root = sheet.compose(text)
    campaign = _Reader(sheet, templates).campaign(root, version_of(text)) if root is not None else None
    if sheet.faults or campaign is None:
        return sorted(sheet.faults, key=lambda fault: (fault.line, fault.column))
    return campaign


class _Reader:
    """One file on its way to a Campaign. A part that is wrong reads as None, after a fault."""

    def __init__(self, sheet: Sheet, templates: Collection[str] | None) -> None:
        self._sheet, self._templates = sheet, templates
        self._texts = TextReader(sheet)

    def campaign(self, root: Node, version: str) -> Campaign | None:
        found = self._sheet.record(root, "", TOP)
        for key, remedy in _REQUIRED.items():
            if key not in found and isinstance(root, MappingNode) and not self._varies(found, key):
                self._sheet.fault(root, key, "is missing", remedy)
        name = self._sheet.read(found["name"], NAME.parse) if "name" in found else None
        title, about = (self._text(found.get(key)) for key in ("title", "about"))
        goal = self._goal(found["goal"]) if "goal" in found else None
        audience = self._audience(found["audience"]) if "audience" in found else None
        mail = self._mail(found, "")
        variants = self._variants(found.get("variants"))
        test = self._test(found.get("test"), variants)
        when = read_when(self._sheet, found.get("when"))
        every = self._sheet.read(found["throttle"], values.throttle) if "throttle" in found else None
        window = self._span(found.get("window"), timedelta(), zero=True)
        hours = BETWEEN.read(Page(self._sheet, NOTHING_KNOWN), found["hours"]) if "hours" in found else None
        misfire = self._misfire(found.get("late"))
        best_before = self._span(found.get("best_before"), _BEST_BEFORE)
        holdout = self._sheet.read(found["holdout"], values.holdout) if "holdout" in found else 0.0
        said = TRACKING.read(Page(self._sheet, NOTHING_KNOWN), found["tracking"]) if "tracking" in found else None
        priority = self._sheet.read(found["priority"], values.priority) if "priority" in found else None
        over = self._sheet.read(found["over"], values.moment) if "over" in found else None
        self._on_a_day(found, variants, is_at=when is not None and when.at is not None)
        if name is None or goal is None or audience is None or when is None or misfire is None:
            return None
        return Campaign(
            name, title or name, about or "", goal, audience, mail, variants, test, when, every, window,
            read_window(hours) if hours and len(hours.get("between", ())) == 2 else None, misfire,
            best_before, holdout or 0.0, read_tracking(said), priority, over, version,
        )  # fmt: skip

    def _varies(self, found: Mapping[str, Entry], key: str) -> bool:
        """Whether each variant says this itself."""
        return key == "template" and "variants" in found and "template" in _shared_keys(found["variants"].value)

    def _text(self, entry: Entry | None) -> str | None:
        text = self._sheet.text(entry) if entry else None
        return text.strip() if text else None

    def _span(self, entry: Entry | None, default: timedelta, *, zero: bool = False) -> timedelta:
        if entry is None:
            return default
        found = self._sheet.read(entry, values.duration)
        if found is not None and not found and not zero:
            self._sheet.fault(entry.value, entry.path, "more than nothing is expected")
        return found or default

    # -- what it is for, and for whom

    def _goal(self, entry: Entry) -> Goal | None:
        found = self._sheet.record(entry.value, entry.path, KNOWN["goal"])
        if "event" not in found:
            if isinstance(entry.value, MappingNode):
                self._sheet.fault(entry.key, "goal.event", "is missing", "such as event: order.placed")
            return None
        event = self._sheet.read(found["event"], EVENT.parse)
        within = self._sheet.read(found["within"], Span.parse) if "within" in found else _DEFAULT_WITHIN
        return Goal(event, within) if event and within else None

    def _audience(self, entry: Entry) -> Audience | None:
        found = self._sheet.record(entry.value, entry.path, KNOWN["audience"])
        of = Group(self._names(found.get("lists")), self._names(found.get("segments")))
        minus = Group()
        if "minus" in found:
            less = self._sheet.record(found["minus"].value, found["minus"].path, GROUP)
            minus = Group(*(self._names(less.get(key)) for key in GROUP))
        if not of.lists and not of.segments and isinstance(entry.value, MappingNode):
            remedy = "name lists, segments, or both (then whoever is on one of the lists and in one of the segments)"
            self._sheet.fault(entry.key, entry.path, "nobody is in it", remedy)
            return None
        return Audience(of, minus)

    def _names(self, entry: Entry | None) -> tuple[str, ...]:
        if entry is None:
            return ()
        read: list[str] = []
        for at, node in enumerate(self._sheet.items(entry.value, entry.path, "newsletter")):
            name = self._sheet.read(Entry(f"{entry.path}[{at}]", node, node), values.belonging)
            if name in read:
                self._sheet.fault(node, f"{entry.path}[{at}]", "stands here twice")
            elif name is not None:
                read.append(name)
        return tuple(read)

    # -- the mail, and its variants

    def _mail(self, found: Mapping[str, Entry], name: str) -> Variant:
        template = self._sheet.read(found["template"], NAME.parse) if "template" in found else None
        if template and self._templates is not None and template not in self._templates:
            hint = near(template, self._templates)
            self._sheet.fault(found["template"].value, found["template"].path, f"there is no mail {template}{hint}")
        subject = self._texts.by_language(found["subject"]) if "subject" in found else {}
        content = self._texts.content(found["content"]) if "content" in found else {}
        sender = self._sheet.read(found["sender"], values.sender) if "sender" in found else None
        at = self._sheet.read(found["at"], values.hour) if "at" in found else None
        return Variant(name, subject, template or "", content, sender or "", at)

    def _variants(self, entry: Entry | None) -> tuple[Variant, ...]:
        if entry is None:
            return ()
        nodes = self._sheet.items(entry.value, entry.path, "{name: a, subject: Spring is here}")
        read: list[Variant] = []
        first: frozenset[str] = frozenset()
        for at, node in enumerate(nodes):
            path = f"{entry.path}[{at}]"
            found = self._sheet.record(node, path, KNOWN["variants[]"])
            name = self._sheet.read(found["name"], NAME.parse) if "name" in found else None
            if "name" not in found and isinstance(node, MappingNode):
                self._sheet.fault(node, f"{path}.name", "is missing", "such as name: a")
            if name and any(each.name == name for each in read):
                self._sheet.fault(found["name"].value, f"{path}.name", "another variant has this name")
            differs = frozenset(found) - {"name"}
            if self._one_thing(node, path, differs, first):
                first = first or differs
            read.append(self._mail(found, name or ""))
        if len(nodes) == 1:
            self._sheet.fault(entry.key, entry.path, "one variant is none: two are needed to compare")
        return tuple(read)

    def _one_thing(self, node: Node, path: str, differs: frozenset[str], first: frozenset[str]) -> bool:
        """Whether exactly one thing differs, and the same in all: else nobody could say what made the difference."""
        remedy = "subject, content (or template), sender, or at"
        is_one = len(differs) == 1 or (differs and differs <= _CONTENT)
        if not is_one:
            said = ", ".join(sorted(differs)) or "nothing"
            self._sheet.fault(node, path, f"variants differ in exactly one thing, this one says {said}", remedy)
            return False
        if first and differs != first and not (differs | first <= _CONTENT):
            told, before = ", ".join(sorted(differs)), ", ".join(sorted(first))
            self._sheet.fault(
                node, path, f"differs in {told}, the first one in {before}", f"one thing for all: {remedy}"
            )
        return True

    def _test(self, entry: Entry | None, variants: tuple[Variant, ...]) -> Test | None:
        if entry is None:
            return None
        found = self._sheet.record(entry.value, entry.path, KNOWN["test"])
        if not variants:
            self._sheet.fault(entry.key, entry.path, "there is nothing to test", "write variants")
        sample = self._sheet.read(found["sample"], values.share) if "sample" in found else None
        metric = (
            self._sheet.read(found["metric"], lambda text: values.word(text, Metric)) if "metric" in found else None
        )
        after = self._sheet.read(found["after"], Span.parse) if "after" in found else None
        for key, example in (("sample", "20%"), ("metric", "clicks"), ("after", "4h"), ("otherwise", "split")):
            if key not in found and isinstance(entry.value, MappingNode):
                self._sheet.fault(entry.key, f"test.{key}", "is missing", f"such as {key}: {example}")
        significance = self._sheet.read(found["significance"], values.share) if "significance" in found else 0.95
        if significance is not None and significance < _LEAST_SIGNIFICANCE:
            self._sheet.fault(found["significance"].value, "test.significance", "at least 80% is expected")
        otherwise = self._text(found.get("otherwise"))
        names = [each.name for each in variants]
        if otherwise and otherwise != "split" and otherwise not in names:
            hint = f"split, or one of {', '.join(names)}"
            self._sheet.fault(found["otherwise"].value, "test.otherwise", f"no variant has this name; {hint}")
        if sample is None or metric is None or after is None or significance is None or not otherwise:
            return None
        return Test(sample, metric, after, significance, "" if otherwise == "split" else otherwise)

    def _on_a_day(self, found: Mapping[str, Entry], variants: tuple[Variant, ...], *, is_at: bool) -> None:
        if any(each.at is not None for each in variants) and not is_at:
            remedy = "write when: {at: 2026-12-01T10:00}, whose day they share"
            self._sheet.fault(found["variants"].key, "variants", "hours can be compared on a day that is named", remedy)

    def _misfire(self, entry: Entry | None) -> Misfire | None:
        if entry is None:
            return Misfire()
        found = self._sheet.record(entry.value, entry.path, KNOWN["late"])
        after = self._span(found.get("after"), Misfire().after)
        do = self._sheet.read(found["do"], lambda text: values.word(text, Late)) if "do" in found else Late.ASK
        return Misfire(after, do) if do is not None else None


def _shared_keys(node: Any) -> set[str]:
    """The keys that all mappings of a list have."""
    items = [each for each in getattr(node, "value", ()) if isinstance(each, MappingNode)]
    keys = [{key.value for key, _ in each.value if isinstance(key, ScalarNode)} for each in items]
    return set.intersection(*keys) if keys else set()
