"""What the capitals of a screen have done: from the key to the intent, and from there to `deeds`."""

from collections.abc import Awaitable, Coroutine
from inspect import isawaitable
from typing import Any, ClassVar, Final, cast

from textual import on
from textual.binding import Binding
from textual.css.query import NoMatches
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from engine.control.client import ControlError
from tui.ink import Ink, Target
from tui.screens import deeds
from tui.session import House, Session
from tui.verbs import Intent, Verb, fit_for_a_verb
from tui.widgets.table import Table

READ_ONLY: Final = "✗ this terminal is read-only: start posthouse without --read-only to act"


class Doing(Screen[None]):
    """Subclasses name their verbs and have a method for each."""

    verbs: ClassVar[tuple[Verb, ...]] = ()
    trouble = ""  # why the daemon did not answer what was asked last
    is_written_on = False  # what is typed is its text's, also before that is here
    makes: ClassVar[str] = ""  # the path of the act whose `name` is a new row: the cursor goes there
    _again: Timer | None = None

    def __init_subclass__(cls, **words: Any) -> None:
        own = cls.__dict__.get("verbs", ())
        if own:
            wrong = [each.key for each in own if not each.key.isupper() or not fit_for_a_verb(each.key)]
            if wrong:
                raise TypeError(f"a verb of {cls.__name__} is no capital letter: {', '.join(wrong)}")
            bindings = [Binding(each.key, f"verb('{each.id}')", each.label, show=False, id=each.id) for each in own]
            cls.BINDINGS = [*cls.__dict__.get("BINDINGS", []), *bindings]
        super().__init_subclass__(**words)

    @property
    def house(self) -> House:
        return cast(House, self.app)

    @property
    def session(self) -> Session:
        return self.house.session

    @property
    def is_leaving(self) -> bool:
        """Whether what it showed is being taken away, its widgets before itself."""
        return self._pruning or not self.is_attached

    @property
    def is_here(self) -> bool:
        """Whether all that it shows is there: not before it is mounted, nor while it is taken away."""
        return self.is_mounted and self.is_running and not self.is_leaving

    async def _dispatch_message(self, message: Message) -> None:
        """What comes to a screen that is being taken away finds nothing to say it with."""
        try:
            await super()._dispatch_message(message)
        except NoMatches:
            if not self.is_leaving:
                raise

    def run_worker(self, *args: Any, **words: Any) -> Worker[Any]:
        """As Textual's, but what the daemon would not answer ends no application: it is said (`worker_changed`)."""
        return super().run_worker(*args, **(words | {"exit_on_error": False}))

    @on(Worker.StateChanged)
    def worker_changed(self, message: Worker.StateChanged) -> None:
        """A question that failed beside those of `ask`: said, where it is the daemon's no; else it is a fault of ours."""
        error = message.worker.error
        if message.state is not WorkerState.ERROR or error is None:
            return
        if isinstance(error, NoMatches) and self.is_leaving:
            return  # its answer came when what was to show it had gone
        if not isinstance(error, ControlError):
            raise error
        self.trouble = error.text if self.session.error is None else ""
        self.show_frame()

    def lead(self, what: str, way: Coroutine[Any, Any, bool]) -> None:
        """Go where the daemon's answer leads. What is typed meanwhile is for there, and nobody's where the way says that it
        led nowhere."""
        self.house.turns.is_leading = True  # at once, before a key behind is heard
        self.app.run_worker(self._led(what, way), group="way")  # of the application: whoever leaves here, it ends

    async def _led(self, what: str, way: Coroutine[Any, Any, bool]) -> None:
        is_there, turns = False, self.house.turns
        try:
            with turns.leading(), turns.waiting(f"… {what}: the daemon is being asked; ctrl+c leaves"):
                is_there = await way
        except ControlError as error:
            self.house.say("✗ " + error.text, Ink.BAD)
        except NoMatches:
            if not self.is_leaving:
                raise
        if not is_there:
            self.house.forget_waiting_keys()

    def show_frame(self) -> None:
        """Say around the body how it stands."""
        raise NotImplementedError

    def opened_again(self, target: Target) -> None:
        """What it shows was opened from elsewhere, maybe at another place."""

    def action_refresh(self) -> None:
        """Ask the daemon anew."""
        raise NotImplementedError

    def ask_again_in(self, seconds: float) -> None:
        """Ask once more then, for what changes without a word of the daemon; once, however often it is said."""
        if self._again is not None:
            self._again.stop()
        self._again = self.set_timer(seconds, self.action_refresh)

    def why_not(self, verb: Verb) -> str:
        """Why a verb can't be done now; "" when it can, or when only asking tells."""
        if self.session.read_only:
            return "this terminal is read-only"
        if self.session.error is not None:
            return "the daemon is away"
        made = getattr(self, verb.intent)()
        if isawaitable(made):
            made.close()  # type: ignore[attr-defined]
            return ""
        return made if isinstance(made, str) else ""

    def action_verb(self, id: str) -> None:
        verb = next(each for each in self.verbs if each.id == id)
        if self.session.read_only:
            self.house.say(READ_ONLY, Ink.WAIT)
            return
        if self.session.error is not None:
            return  # the status line says that it is away
        turns = self.house.turns
        # At once, before a key behind moves the cursor.
        made: Intent | str | Awaitable[Intent | str] = getattr(self, verb.intent)()
        asks = made.asks if isinstance(made, Intent) else not isinstance(made, str)
        if asks and turns.is_busy:
            if isinstance(made, Coroutine):
                made.close()
            self.house.say(f"{verb.label}: another deed is still being done; press it again then", Ink.WAIT)
            self.house.forget_waiting_keys()
            return
        if isinstance(made, str):
            self.house.forget_waiting_keys()
        turns.is_asking |= asks
        doing = self._verb(verb, made)
        if not asks and any(each.marked.chosen for each in self.query(Table)):
            turns.is_leading, doing = True, self._of_marked(doing)
        self.app.run_worker(doing, group="deed")  # of the application: it ends, whoever leaves here

    async def _of_marked(self, doing: Coroutine[Any, Any, None]) -> None:
        """The marks go with what is done; a key behind is about what is marked then."""
        with self.house.turns.leading():
            await doing

    async def _verb(self, verb: Verb, made: Intent | str | Awaitable[Intent | str]) -> None:
        async with self.house.turns.turn():
            try:
                with self.house.turns.waiting(f"… {verb.label}: the daemon is being asked; ctrl+c leaves"):
                    intent = await made if isawaitable(made) else made
            except ControlError as error:
                self.house.say("✗ " + error.text, Ink.BAD)
                return
            except NoMatches:
                if not self.is_leaving:
                    raise
                return  # the screen was left while the daemon was asked
            if isinstance(intent, str):
                self.house.say(f"{self.house.key_of(verb.id)} {verb.label}: {intent}", Ink.WAIT)
            else:
                await self.perform(intent)

    async def perform(self, intent: Intent) -> bool:
        """Ask what has to be asked, then have it done; whether it was. Call it from a worker."""
        if self.session.read_only:
            self.house.say(READ_ONLY, Ink.WAIT)
            return False
        was_done = await deeds.perform(self.house, intent)
        if was_done and self.is_here:
            done = self.session.deeds[-1].intent
            for table in self.query(Table):
                table.unmark()
                if self.makes == done.path:
                    table.seek(str(done.body.get("name", "")))
            self.action_refresh()
        return was_done
