"""What a simulation is told to assume of splits: a winner, or the share of people who do what is counted."""

import re
from collections.abc import Sequence
from typing import Final

from engine.flow.model import Definition, Split, walk
from engine.flow.spelling import near

_RATE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%?")


class AssumedError(ValueError):
    """An assumption about what is not there, with words that say what to write."""


def winners(flow: Definition, told: Sequence[str]) -> dict[str, str]:
    """By split the way that everybody goes, from texts such as which-words=scarce. AssumedError."""
    found = {}
    for text in told:
        split, _, way = text.partition("=")
        _check(flow, "--winner", split, way, "which-words=scarce")
        found[split] = way
    return found


def rates(flow: Definition, told: Sequence[str]) -> dict[tuple[str, str], float]:
    """By split and way a share from 0 to 1, from texts such as which-words.scarce=9%. AssumedError."""
    found = {}
    for text in told:
        place, _, share = text.partition("=")
        split, _, way = place.partition(".")
        step = _check(flow, "--rate", split, way, "which-words.scarce=9%")
        if step.winner is None:
            raise AssumedError(f"--rate: the split {split} chooses no winner, so no rate matters")
        match = _RATE.fullmatch(share.strip())
        if match is None or float(match[1]) > 100:
            raise AssumedError(f"--rate: a percentage is expected behind {place}=, such as 9%")
        found[split, way] = float(match[1]) / 100
    return found


def _check(flow: Definition, option: str, split: str, way: str, example: str) -> Split:
    """The split that is meant, which has this way."""
    splits = {each.id: each for each in walk(flow.steps) if isinstance(each, Split)}
    if split not in splits:
        hint = near(split, splits) or (f" (there are {', '.join(splits)})" if splits else "")
        raise AssumedError(f"{option}: the flow {flow.name} has no split {split[:40]}{hint}; such as {example}")
    labels = [each.label for each in splits[split].ways]
    if way not in labels:
        raise AssumedError(f"{option}: the split {split} has no way {way[:40]} (there are {', '.join(labels)})")
    return splits[split]
