"""recipes.md: every flow that comes with Posthouse, drawn, out of its file."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Final

from docs.written.parts import MARK, table
from engine.control.picture import drawing
from engine.flow.definition import Definition, check
from engine.flow.telling import told_trigger
from tui.ink import plain
from tui.pages.diagram import diagram
from tui.pages.flows import outline

FLOWS: Final = Path(__file__).parents[2] / "templates" / "flows"
_RECIPES: Final = """\
# Recipes

Flows that come with Posthouse, each with its mails in English, Hebrew, Russian, Simplified and Traditional Chinese, and with a
test. Take one, read it through, change what your shop says otherwise, and let it run:

```sh
cp templates/flows/abandoned-cart.yaml flows/          # in a checkout; an installation has them beside its programs
posthouse flow check flows/abandoned-cart.yaml
posthouse flow simulate flows/abandoned-cart.yaml      # on your own history
posthouse flow apply flows/abandoned-cart.yaml
```

What a recipe needs stands above its diagram: the event that begins it, with the fields that its mails speak of
([events](events.md)), and things to make first, such as a pool of coupons: on a server type `coupon`, `field` and `survey` as
the daemon's user, `sudo -u posthouse posthouse coupon ...`. A mail of your own with the same name takes the place
of ours ([mail](mail.md)); `make gallery` shows them all, in every language. Tests of recipes run with `posthouse flow test`
([testing](flows/testing.md)).

**Verifying an address (double opt-in)** is no flow here: a list does it by itself. Whoever signs up gets the mail `confirm`, once
more `confirm-reminder`, and is on the list when they follow its link ([lists](lists.md), [consent](consent.md)); the welcome
series begins there.
"""
_WIDTH: Final = 96  # cells of a diagram


def recipes() -> str:
    found = [_recipe(path) for path in sorted(FLOWS.glob("*.yaml")) if not path.name.endswith(".test.yaml")]
    rows = [
        (f"[{each.title}](#{_anchor(each.title)})", each.about, told_trigger(each.trigger), each.stream.word)
        for each, _ in found
    ]
    parts = [MARK, _RECIPES, "\n", table(("recipe", "what it does", "begins with", "stream"), rows)]
    for flow, source in found:
        parts.append(f"\n## {flow.title}\n\n`templates/flows/{flow.name}.yaml`. {flow.about}\n\n")
        parts += [f"```text\n{text}\n```\n\n" for text in (_needs(source), _drawn(flow)) if text]
    return "".join(parts)


def _recipe(path: Path) -> tuple[Definition, str]:
    source = path.read_text(encoding="utf-8")
    found = check(source, path.name)
    if not isinstance(found, Definition):
        raise SystemExit("\n".join(map(str, found)))
    return found, source


def _anchor(title: str) -> str:
    """What a heading is called in a link."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _needs(source: str) -> str:
    """The comment at the top of a flow file."""
    lines = takewhile(lambda line: line.startswith("#"), source.splitlines())
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def _drawn(flow: Definition) -> str:
    nodes = drawing(flow).nodes
    text = plain(diagram(nodes, _WIDTH, is_live=False) or outline(nodes, _WIDTH, is_live=False))
    return "\n".join(line.rstrip() for line in text.splitlines())
