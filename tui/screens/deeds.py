"""From an intent to what was done: the form, the dry run, what has to be typed, then the request and what came of it."""

from engine.control.client import ControlError
from tui.format import number
from tui.ink import Ink
from tui.screens.form import FormScreen
from tui.screens.sure import SureScreen
from tui.session import Deed, House
from tui.verbs import Intent, Ladder


async def perform(house: House, intent: Intent) -> bool:
    """Ask what the intent's ladder wants asked, then have it done; whether it was. Call it from a worker."""
    async with house.turns.turn():
        fault = ""
        while True:
            house.turns.is_asking = intent.asks
            sure = await _answered(house, intent, fault)
            house.turns.is_asking, house.turns.was_answered = False, intent.asks
            if sure is None:
                return False
            fault = await _do(house, sure)
            if not fault or not intent.keeps:
                return not fault
            intent = intent.anew(sure)


async def _answered(house: House, intent: Intent, fault: str) -> Intent | None:
    """The intent with what was answered; None when it is not to be done."""
    if intent.fields:
        answers = await house.ask_modal(FormScreen(intent.words, intent.fields, fault))
        if answers is None:
            house.say("nothing was done", Ink.DIM)
            return None
        intent = intent.answered(answers)
    try:
        is_sure = await _is_sure(house, intent)
    except ControlError as error:
        house.say("✗ " + error.text, Ink.BAD)
        return None
    if not is_sure:
        house.say("nothing was done", Ink.DIM)
    return intent if is_sure else None


async def _do(house: House, intent: Intent) -> str:
    """ "" when it was done, else why not."""
    house.say(f"… {intent.words}", Ink.DIM)
    try:
        deed = await house.session.do(intent)
    except ControlError as error:
        house.say("✗ " + error.text, Ink.BAD)
        return error.text
    house.did(deed)
    return ""


async def _is_sure(house: House, intent: Intent) -> bool:
    """What would be done is shown, and Cancel has the focus; what is for good has to be typed."""
    if intent.ladder is Ladder.AT_ONCE and intent.dry is None:
        return True
    would = ""
    if intent.dry_run is not None:
        house.say(f"… asking what it would do: {intent.words}", Ink.DIM)
        done = await house.session.act(*intent.dry_run)
        would = done.text
        house.say("")
    typed = intent.typed if intent.ladder is Ladder.TYPED else ""
    answer: bool | None = await house.ask_modal(SureScreen(intent.words, would, intent.command, typed))
    return answer is True


async def undo(house: House) -> None:
    """Take back what was done last, or say why not."""
    try:
        found = await house.session.undo()
    except ControlError as error:
        house.say("✗ " + error.text, Ink.BAD)
        return
    if found is None:
        house.say(
            "nothing was done here that can be taken back; mode 9 and `posthouse acts` tell of the others", Ink.WAIT
        )
        return
    deed, done = found
    house.say(f"✓ undone: {done.text or deed.intent.words}", Ink.GOOD)


def told(deed: Deed) -> str:
    """What was done, for the status line."""
    steps = f" (in {number(len(deed.steps))} steps)" if len(deed.steps) > 1 else ""
    sign = "–" if deed.changed_nothing else "✓"
    return f"{sign} {deed.words}{steps}"
