"""What is typed after a colon or chosen from the palette, and the filters that are kept."""

from collections.abc import Mapping
from typing import ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType

from tui.commands import OWN, Kind, candidates, understood
from tui.format import clock, span
from tui.ink import Ink, Line, Target, line
from tui.keeping import Kept
from tui.keys import shown
from tui.modes import MODES
from tui.moving import Moving
from tui.screens.house import HouseScreen
from tui.screens.palette import Entry, PaletteScreen
from tui.session import Session
from tui.themes import LOOKS
from tui.widgets.commandline import CommandLine

_ACTIONS: Final[Mapping[str, str]] = {
    "help": "help", "undo": "undo", "pause": "pause", "exact": "exact", "quit": "quit", "filters": "filters",
}  # fmt: skip


class Commanding(Moving):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon", "command", "a command: a mode, a thing, a verb", show=False, id="app.command"),
        Binding("ctrl+p", "palette", "all that can be done here", show=False, id="app.palette"),
        Binding("backslash", "filters", "the filters that are kept", show=False, id="app.filters"),
    ]
    kept: Kept

    @property
    def session(self) -> Session:
        raise NotImplementedError

    @property
    def said_whole(self) -> list[Line]:
        """What the status line says, or had no room for."""
        raise NotImplementedError

    # The command line.

    def action_command(self, text: str = "") -> None:
        screen = self.screen
        if isinstance(screen, HouseScreen) and screen.is_here:
            verbs = [each.id for each in screen.verbs]
            offers = lambda typed: candidates(typed, verbs, self.session.overview, screen.names())  # noqa: E731
            screen.query_one(CommandLine).begin(offers, self.kept.commands, text)

    @on(CommandLine.Typed)
    async def _typed(self, message: CommandLine.Typed) -> None:
        self.kept.remember(message.words)
        await self.obey(message.words)

    async def obey(self, words: str) -> None:
        """Do what these words say, or say what they do not mean."""
        screen = self.screen
        verbs = [each.id for each in screen.verbs] if isinstance(screen, HouseScreen) else []
        command = understood(words, verbs)
        match command.kind:
            case Kind.MODE:
                await self.go(command.name, command.words)
            case Kind.THING:
                self.open(Target(command.name, command.words))
            case Kind.VERB if isinstance(screen, HouseScreen):
                screen.action_verb(command.name)
            case Kind.OWN:
                await self._own(command.name, command.words)
            case _:
                self.say(f"✗ {command.words}", Ink.BAD)

    async def _own(self, name: str, words: str) -> None:
        if name in _ACTIONS:
            await self.run_action(_ACTIONS[name])
        elif name == "log":
            self.sheet("What was done from here", self._deeds_told())
        elif name == "said":
            self.sheet("What was said", self.said_whole)
        elif name == "who":
            self.sheet("Who looks on", self._who())
        elif name == "look":
            self._look(words)
        elif name in ("save", "forget"):
            self._keep_filter(words, forget=name == "forget")

    def _look(self, words: str) -> None:
        if not words:
            self.action_look()
        elif words in LOOKS:
            self.theme = LOOKS[words]
        else:
            self.say(f"✗ there is no look {words}; there are: {', '.join(LOOKS)}", Ink.BAD)

    def action_look(self) -> None:
        names = list(LOOKS.values())
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def _deeds_told(self) -> list[Line]:
        deeds = self.session.deeds
        if not deeds:
            return [line(("nothing was done from here yet; what others did is in mode 9", Ink.DIM))]
        lines = []
        for each in reversed(deeds):
            state = "undone" if each.undone else each.text.splitlines()[0] if each.text else ""
            lines += [
                line((clock(each.at_ms) + "  ", Ink.DIM), (each.intent.words, Ink.STRONG), (f"  {state}", Ink.DIM)),
                line(("          $ ", Ink.DIM), (each.intent.command or each.intent.path, Ink.CALM)),
            ]
        return lines

    def _who(self) -> list[Line]:
        overview = self.session.overview
        if overview is None or not overview.operators:
            return [line(("the daemon does not say", Ink.DIM))]
        return [
            line((f"{each.name}  ", Ink.STRONG), (f"since {clock(each.since_ms, overview.now_ms)}, ", Ink.DIM),
                 (span(overview.now_ms - each.since_ms), Ink.DIM))
            for each in overview.operators
        ]  # fmt: skip

    # Kept filters.

    def _keep_filter(self, name: str, *, forget: bool) -> None:
        screen = self.screen
        if not isinstance(screen, HouseScreen):
            return
        text = "" if forget else screen.filter_text
        if not name or (not forget and not text):
            self.say("✗ :forget NAME" if forget else "✗ filter first with /, then :save NAME", Ink.WAIT)
            return
        fault = self.kept.save_filter(self.current_mode, name, text)
        told = f"the filter {name} is {'forgotten' if forget else 'kept'}"
        self.say(f"{told} until you leave: {fault}" if fault else told, Ink.WAIT if fault else Ink.CALM)

    def action_filters(self) -> None:
        self.run_worker(self._choose_filter(), group="palette", exclusive=True)

    async def _choose_filter(self) -> None:
        kept = self.kept.filters.get(self.current_mode, {})
        if not kept:
            self.say("no filter is kept for this mode: filter with /, then :save NAME", Ink.WAIT)
            return
        entries = [Entry(name, "", text, "/" + text) for name, text in sorted(kept.items())]
        text = await self.push_screen_wait(PaletteScreen(entries, "a filter that is kept"))
        if text is not None and isinstance(self.screen, HouseScreen):
            self.screen.filter_for(text)

    # The palette.

    def action_palette(self) -> None:
        self.run_worker(self._choose(), group="palette", exclusive=True)

    async def _choose(self) -> None:
        chosen = await self.push_screen_wait(PaletteScreen(self._entries()))
        if chosen is None:
            return
        if chosen.startswith("!"):
            node, _, action = chosen[1:].partition(" ")
            widget = self.screen if node == "screen" else self.screen.focused if node == "focus" else self
            await self.run_action(action, widget)
        else:
            await self.obey(chosen)

    def _entries(self) -> list[Entry]:
        """The verbs of the screen, the modes, our own commands, then all other keys; not those that only move."""
        verbs = {each.id for each in self.screen.verbs} if isinstance(self.screen, HouseScreen) else set()
        first: list[Entry] = []
        others: list[Entry] = []
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            if not enabled or not binding.id or not binding.description or binding.id.startswith(("app.", "roll.")):
                continue
            entries = first if binding.id in verbs else others
            if not any(each.words == binding.description for each in entries):
                place = "screen" if node is self.screen else "focus"
                entries.append(Entry(binding.description, shown(binding.key), f"!{place} {binding.action}", binding.id))
        to = [Entry(each.title, each.key, each.name, each.about) for each in MODES]
        own = [Entry(name, f":{name}", name, about) for name, about in OWN.items() if name not in ("save", "forget")]
        return [*first, *to, *own, *others]
