"""What a scene shows: acts, each with facts that were seen or were not."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fact:
    what: str
    seen: str  # what was seen, in words
    happened: bool


@dataclass(slots=True)
class Report:
    facts: list[tuple[str, Fact]] = field(default_factory=list)

    def note(self, act: str, what: str, seen: object, happened: bool) -> bool:
        """Write a fact down; whether it happened."""
        self.facts.append((act, Fact(what, str(seen), bool(happened))))
        return bool(happened)

    @property
    def complete(self) -> bool:
        return all(fact.happened for _, fact in self.facts)

    @property
    def text(self) -> str:
        """For a person to read: a heading an act, a line a fact."""
        lines: list[str] = []
        last = ""
        for act, fact in self.facts:
            if act != last:
                lines += ["", act]
                last = act
            lines.append(f"  {'✓' if fact.happened else '✗'} {fact.what:<46} {fact.seen}")
        missing = sum(not fact.happened for _, fact in self.facts)
        closing = "Everything happened." if not missing else f"{missing} of {len(self.facts)} things did NOT happen."
        return "\n".join([*lines, "", closing]).lstrip("\n")
