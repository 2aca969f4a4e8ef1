"""The page that `?` lays over any screen: what it is, the keys of what has the focus as they are now, and the signs."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen

from tui.format import cells
from tui.ink import BLANK, Ink, Line, line, rule
from tui.keys import shown
from tui.screens.house import HouseScreen
from tui.widgets.page import Page

_SIGNS: Final = (
    (("○ queued", Ink.TEXT), ("it waits for its turn", Ink.DIM)),
    (("► in flight", Ink.CALM), ("a carrier is talking to the site", Ink.DIM)),
    (("↻ back-off", Ink.WAIT), ("the site asked us to wait", Ink.DIM)),
    (("■ held", Ink.WAIT), ("stopped, until somebody lets it go", Ink.DIM)),
    (("? in doubt", Ink.DOUBT), ("handed over, and no answer was recorded", Ink.DIM)),
    (("✓ delivered", Ink.GOOD), ("the next host took it", Ink.DIM)),
    (("✗ bounced", Ink.BAD), ("refused for good, or expired", Ink.DIM)),
)


class Part:
    """A heading, and keys with what they do."""

    def __init__(self, title: str, rows: list[tuple[str, str, str]]) -> None:
        self.title, self.rows = title, rows  # keys, what they do, why not now


def parts(screen: Screen[Any]) -> list[Part]:
    """The keys that are live on this screen, those of what has the focus first."""
    found: dict[str, dict[str, tuple[list[str], str]]] = {}
    verbs = {each.id: each for each in screen.verbs} if isinstance(screen, HouseScreen) else {}
    for node, binding, enabled, _ in screen.active_bindings.values():
        if not enabled or not binding.id or not binding.description:
            continue
        if binding.id in verbs:
            title = "What can be done here"
        else:
            title = (
                "What has the focus" if node is screen.focused else "This screen" if node is screen else "Everywhere"
            )
        keys, _ = found.setdefault(title, {}).setdefault(binding.id, ([], binding.description))
        keys.append(shown(binding.key))
    order = ("What can be done here", "What has the focus", "This screen", "Everywhere")
    why = {id: screen.why_not(verb) for id, verb in verbs.items()} if isinstance(screen, HouseScreen) else {}
    return [
        Part(title, [(" ".join(keys), about, why.get(id, "")) for id, (keys, about) in found[title].items()])
        for title in order
        if title in found
    ]


def drawn(about: str, all_parts: Iterable[Part], width: int) -> list[Line]:
    lines = [each for text in about.splitlines() for each in line((text, Ink.DIM)).folded(width)]
    for part in all_parts:
        lines += [BLANK] if lines else []
        lines.append(rule(part.title, width))
        room = min(max((cells(keys) for keys, _, _ in part.rows), default=0) + 2, width // 3)
        for keys, what, why in part.rows:
            not_now = (f"  not now: {why}", Ink.WAIT) if why else ("", Ink.DIM)
            lines += line((f"{keys:<{room}}", Ink.HORN), what, not_now).folded(width)
    signs = [line((f"{sign:<13}", ink), meaning) for (sign, ink), meaning in _SIGNS]
    return [*lines, BLANK, rule("Signs", width), *signs]


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "app.pop_screen", "close", show=False, id="help.close")
    ]

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self._parts = parts(about)
        self._about = (about.__doc__ or "").strip() if isinstance(about, HouseScreen) else ""

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield Page(id="keys")

    def on_mount(self) -> None:
        self.query_one(Page).show(lambda width: drawn(self._about, self._parts, width))
