"""Conditions: Jinja2's expression grammar over plain data, read once and answered by an interpreter of our own.

A condition that parsed can't fail: docs/conditions.md fixes an answer for every value. Where the text is wrong,
ConditionError says what and at which column.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from engine.flow import expression as tree
from engine.flow import grammar
from engine.flow.grammar import ConditionError, Names
from engine.flow.judging import judge
from engine.flow.known import Known
from engine.flow.values import Value, shown, truth

__all__ = ["CONTACT", "NAMES", "Condition", "ConditionError", "Names"]

MAX_LENGTH: Final = 1000  # characters

CONTACT: Final = frozenset(
    {
        "id", "address", "name", "locale", "zone", "tags", "lists", "fields", "orders", "birthday", "external_id",
        "source", "consent", "segments", "engagement",
    }
)  # fmt: skip
NAMES: Final[Names] = {"contact": CONTACT, "event": None, "today": (), "now": ()}
"""What a condition may speak of: each name, and what may stand behind its dot (None: anything)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition. `text` is what was written."""

    text: str
    root: tree.Node
    _shown: tuple[tuple[str, tree.Node], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lookups = (each for each in tree.walk(self.root) if not isinstance(each, tree.Literal | tree.Items))
        parts = {str(each): each for each in (self.root, *_outermost(lookups))}
        object.__setattr__(self, "_shown", tuple(parts.items()))

    @classmethod
    def parse(cls, text: str, names: Names = NAMES, known: Known | None = None) -> "Condition":
        """Read a condition. ConditionError where it is none, or speaks of what is not in `names`; by `known` also where
        it can't be meant (engine.flow.judging)."""
        if len(text) > MAX_LENGTH:
            raise ConditionError(f"the condition is longer than {MAX_LENGTH} characters")
        if not text.strip():
            raise ConditionError("the condition is empty")
        return cls(text, grammar.parse(text, names) if known is None else judge(text, names, known))

    def value(self, scope: tree.Scope) -> Value:
        """What the expression is worth, for keys; `evaluate` says whether it is true."""
        return self.root.evaluate(scope)

    def evaluate(self, scope: tree.Scope) -> bool:
        """Whether the condition holds. Never raises."""
        return truth(self.root.evaluate(scope))

    def explain(self, scope: tree.Scope) -> dict[str, str | int | float | bool | None]:
        """What each part was worth, by its canonical text: the evidence that `why` shows. None is missing."""
        return {text: shown(each.evaluate(scope)) for text, each in self._shown}


def _outermost(found: Iterable[tree.Node]) -> Iterator[tree.Node]:
    """Without `contact` and `contact.orders` where `contact.orders.count` is shown."""
    inner: set[int] = set()
    for each in found:
        if isinstance(each, tree.Lookup):
            inner.add(id(each.base))
        if id(each) not in inner:
            yield each
