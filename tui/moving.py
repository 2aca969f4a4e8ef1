"""Going about in the application: modes, what Enter opens, back, and the way that was gone."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui import modes
from tui.behind import behind
from tui.ink import Ink, Line, Target
from tui.screens.house import HouseScreen
from tui.trail import Trail, View
from tui.turns import Turns

_ONCE: Final = frozenset(
    {"draft", "mail-file"}
)  # what is written is open once: of two the second would overtake the first


def _opened(stack: Sequence[Screen[Any]]) -> tuple[Target, ...]:
    """What was opened to come to these."""
    return tuple(each.target for each in stack if isinstance(each, HouseScreen) and each.target is not None)


def _text_of(target: Target) -> str:
    """Without the line to go to."""
    return target.name.partition(":")[0]


def _maker(mode: modes.Mode) -> Callable[[], Screen[Any]]:
    return lambda: modes.load(mode.screen)()


class Moving(App[None]):
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {each.name: _maker(each) for each in modes.MODES}
    DEFAULT_MODE = modes.MODES[0].name
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(each.key, f"mode('{each.name}')", each.title, show=False, id=f"app.{each.name}")
            for each in modes.MODES
        ),
        Binding("left_square_bracket", "trail(-1)", "the view before", show=False, id="app.view_before"),
        Binding("right_square_bracket", "trail(1)", "the view after", show=False, id="app.view_after"),
        Binding("grave_accent", "last_view", "the last view", show=False, id="app.last_view"),
    ]

    turns: Turns

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self._trail = Trail(View(self.DEFAULT_MODE))
        self._led: tuple[View, View] | None = None  # what a command has opened last, and where it was typed

    # Said in the status line by the application itself.

    def say(self, text: str, ink: Ink = Ink.TEXT) -> None:
        raise NotImplementedError

    def unsay(self) -> None:
        raise NotImplementedError

    # Going there.

    async def go(self, mode: str, words: str = "") -> None:
        """To a mode; with words, to its first screen and from there where they say."""
        before = self._view()
        self.unsay()
        await self.switch_mode(mode)
        if words:
            await self._strip_to(())
            if isinstance(self.screen, HouseScreen) and (trouble := self.screen.jump(words)):
                await self._restore(before)
                self.say(trouble, Ink.WAIT)
                return
            self._led = self._view(), before
        self._trail.visit(self._view())

    def open(self, target: Target, screen: Screen[Any] | None = None) -> None:
        """What Enter opens. `screen`: of it, where one is made already."""
        if target.kind == "mode":
            self.run_worker(self.go(target.name), group="mode", exclusive=True)
            return
        if (there := self._open_at(target)) is not None:
            self.run_worker(self._back_to(there, target), group="mode", exclusive=True)
            return
        screen = screen or behind(target)
        if screen is None:
            self.say(f"there is no screen for a {target.kind}", Ink.WAIT)
            return
        self.unsay()
        self._push(screen, target)
        self._trail.visit(self._view())

    def back(self) -> None:
        if len(self.screen_stack) > 1:
            self.unsay()
            self.pop_screen()
            self._trail.visit(self._view())

    def _open_at(self, target: Target) -> View | None:
        """Where what may be open only once is open, in whichever mode."""
        for mode, stack in self._screen_stacks.items() if target.kind in _ONCE else ():
            opened = _opened(stack)
            for at, each in enumerate(opened):
                if each.kind == target.kind and _text_of(each) == _text_of(target):
                    return View(mode, opened[: at + 1])
        return None

    async def _back_to(self, view: View, target: Target) -> None:
        was_in = self.current_mode
        await self._restore(view)
        self._trail.visit(self._view())
        if isinstance(self.screen, HouseScreen):
            self.screen.opened_again(target)
        if view.mode != was_in:
            self.say(f"{_text_of(target)} is open here already", Ink.DIM)

    def turn_back(self, why: str) -> None:
        """What was opened is not there: one stays where one was, and is told."""
        if len(self.screen_stack) < 2:
            return
        gone, before = self._view(), self._trail.last
        self.pop_screen()
        self._trail.drop()
        if self._led == (gone, before) and before not in (gone, self._view()):
            self.turns.is_leading = True  # at once: no key behind is for what is shown on the way
            self.run_worker(self._stay_at(before, why), group="mode", exclusive=True)
        else:
            self._trail.visit(self._view())
            self.say(f"✗ {why}", Ink.BAD)

    async def _stay_at(self, view: View, why: str) -> None:
        """A command that led elsewhere found nothing there."""
        with self.turns.leading():
            await self._restore(view)
        self._trail.visit(self._view())
        self.say(f"✗ {why}", Ink.BAD)

    def sheet(self, title: str, lines: Sequence[Line]) -> None:
        """A page of lines over the screen."""
        from tui.screens.sheet import SheetScreen

        self.push_screen(SheetScreen(title, lines))

    def _push(self, screen: Screen[Any], target: Target) -> None:
        if isinstance(screen, HouseScreen):
            screen.target = target
        self.push_screen(screen)

    def _view(self) -> View:
        """Where one is; a page over a screen is no place of its own."""
        return View(self.current_mode, _opened(self.screen_stack))

    async def _strip_to(self, opened: tuple[Target, ...]) -> None:
        """Close what is open beyond these, and a page that lies over them."""
        there = [each.target if isinstance(each, HouseScreen) else None for each in self.screen_stack[1:]]
        while there != list(opened[: len(there)]):
            await self.pop_screen()
            there.pop()

    async def _restore(self, view: View) -> None:
        self.unsay()
        await self.switch_mode(view.mode)
        await self._strip_to(view.opened)
        for target in view.opened[len(self.screen_stack) - 1 :]:
            if (there := self._open_at(target)) is not None:
                await self._back_to(there, target)
                return
            if (screen := behind(target)) is not None:
                self._push(screen, target)

    # Keys.

    async def action_mode(self, name: str) -> None:
        await self.go(name)

    async def action_trail(self, by: int) -> None:
        if (view := self._trail.step(by)) is None:
            self.say("nothing was looked at before this" if by < 0 else "nothing was looked at after this", Ink.DIM)
        else:
            await self._restore(view)

    async def action_last_view(self) -> None:
        await self._restore(self._trail.last)
        self._trail.visit(self._view())
