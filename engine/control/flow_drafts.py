"""Flow texts that are being written: kept at every pause, judged as they are, and the recipes that one may begin with."""

import asyncio
import re
from functools import lru_cache, partial
from typing import Any, Final

from engine.control import overlay
from engine.control.flow_texts import active_version, faults_in, word
from engine.control.picture import drawing
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import DraftRow, Drafts, DraftText, RecipeRow, Recipes, RecipeText
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.flow.definition import Definition, recall
from engine.flow.differences import difference
from engine.flow.scalars import NAME_FORM
from engine.flow.telling import told_trigger
from engine.house import House
from engine.running import drafts
from engine.running.book import FlowBook
from engine.running.drafts import Draft, Overtaken
from engine.running.traffic import NO_FIGURES, Crowd
from engine.sending.resources import ResourceError
from mta.ports import Tx, to_ms

LONGEST: Final = 256 * 1024  # characters of a draft
_THERE_ARE: Final = "`posthouse flow draft list` lists them"
_RECIPES: Final = "flows"


async def check(house: House, office: Office, body: dict[str, Any]) -> Done:
    """All that is wrong with a text, as `faults`. Keeps nothing."""
    found, faults = await faults_in(house, _source(body), word(body, "file", "flow.yaml"))
    facts = {"faults": faults, "flow": found.name if found else "", "version": found.version if found else ""}
    return Done(_judged(len(faults)), facts | await _drawn(house, body["source"]))


async def _drawn(house: House, source: str) -> dict[str, Any]:
    """The picture of a text that can be read, whatever it names that is not there, with what it changes of the version that
    is active."""
    found = await asyncio.to_thread(recall, source, "flow.yaml")
    if not isinstance(found, Definition):
        return {}
    _, state, active = await house.store.read(lambda tx: active_version(tx, FlowBook(), found.name))
    changed, nobody = difference(active, found), Crowd({}, 0)
    drawn = overlay.picture(found, active, changed, NO_FIGURES, nobody, (), house.clock.now(), state)
    return {"picture": drawn}


def _judged(faults: int) -> str:
    return counted(faults, "fault") if faults else "all right"


async def save(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Keep a draft as it stands, and say what is wrong with it. 409 where somebody else saved it since `revision`."""
    name, source = _name(word(body, "name")), _source(body)
    draft = Draft(
        name, source, word(body, "base", ""), word(body, "origin", "")[:100], word(body, "by", ""), house.clock.now(),
        body.get("revision", 0),
    )  # fmt: skip
    try:
        revision = await house.store.write(partial(_save, draft))
    except Overtaken as err:
        raise Refusal(
            str(err), "`posthouse flow draft show` has theirs; save under another name, or drop it", 409
        ) from None
    found, faults = await faults_in(house, source, f"{name}.yaml")
    facts = {"revision": revision, "faults": faults, "version": found.version if found else ""}
    return Done(f"draft {name} is kept: {_judged(len(faults))}", facts | await _drawn(house, source))


def _save(draft: Draft, tx: Tx) -> int:
    return drafts.save(tx, draft)


async def drop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Forget a draft."""
    name = word(body, "name")
    gone = await house.store.write(lambda tx: drafts.drop(tx, name))
    if gone is None:
        raise _no_draft(name)
    again = {"name": name, "source": gone.source, "base": gone.base, "origin": gone.origin}
    return Done(f"draft {name} is dropped", {"undo": {"path": "flows/draft", "body": again}})


async def every(house: House) -> Drafts:
    """All drafts, the last saved first."""
    found = await house.store.read(drafts.every)
    return Drafts(to_ms(house.clock.now()), tuple(map(_row, found)))


def _row(draft: Draft) -> DraftRow:
    read = recall(draft.source, f"{draft.name}.yaml")
    title, faults = (read.title, 0) if isinstance(read, Definition) else ("", len(read))
    return DraftRow(
        draft.name, title, draft.operator, to_ms(draft.at), draft.revision, draft.base, draft.origin, faults
    )  # fmt: skip


async def one(house: House, name: str) -> DraftText:
    """A draft whole, with what is wrong with it now."""
    draft = await house.store.read(lambda tx: drafts.get(tx, name))
    if draft is None:
        raise _no_draft(name)
    _, faults = await faults_in(house, draft.source, f"{name}.yaml")
    return DraftText(
        to_ms(house.clock.now()), name, draft.source, draft.operator, to_ms(draft.at), draft.revision, draft.base,
        draft.origin, faults,
    )  # fmt: skip


def _no_draft(name: str) -> Refusal:
    return Refusal(f"there is no draft {name[:70]}", _THERE_ARE, 404)


def _name(name: str) -> str:
    if not re.fullmatch(NAME_FORM, name):
        raise Refusal(
            f"{name[:70]!r} can't be a flow's name", "small letters, digits and hyphens, such as abandoned-cart"
        )
    return name


def _source(body: dict[str, Any]) -> str:
    source = word(body, "source")
    if len(source) > LONGEST:
        raise Refusal(f"the text is over {LONGEST:,} characters", "a flow is one page; split it with start:")
    return source


# -- recipes


async def recipes(house: House) -> Recipes:
    """The flows that come with Posthouse, and the installation's own files beside them."""
    applied = await house.store.read(lambda tx: {name for (name,) in tx.query("SELECT name FROM flow")})
    found = await asyncio.to_thread(lambda: [(name, _read(house, name)[1]) for name in _names(house)])
    rows = (_recipe(name, read, applied) for name, read in found if isinstance(read, Definition))
    return Recipes(to_ms(house.clock.now()), tuple(rows))


async def recipe(house: House, name: str) -> RecipeText:
    """A recipe's file."""
    if name not in _names(house):
        raise Refusal(f"there is no recipe {name[:70]}", "`posthouse flow recipes` lists them", 404)
    source, found = await asyncio.to_thread(_read, house, name)
    if not isinstance(found, Definition):
        raise Refusal(f"the recipe {name} can't be read: {found}", "mend its file", 409)
    now_ms = to_ms(house.clock.now())
    return RecipeText(now_ms, name, source, drawing(found, "recipe", now_ms=now_ms))


def _names(house: House) -> list[str]:
    files = (each.removesuffix(".yaml").split("/")[-1] for each in house.resources.names(_RECIPES, ".yaml"))
    return [each for each in files if not each.endswith(".test")]


def _read(house: House, name: str) -> tuple[str, Definition | str]:
    try:
        source = house.resources.read(f"{_RECIPES}/{name}.yaml")
    except ResourceError as err:
        return "", str(err)
    return source, _recalled(name, source)


@lru_cache(maxsize=200)  # YAML takes its time, and they never change but by hand
def _recalled(name: str, source: str) -> Definition | str:
    found = recall(source, f"{name}.yaml")
    return found if isinstance(found, Definition) else str(found[0])


def _recipe(name: str, found: Definition, applied: set[str]) -> RecipeRow:
    return RecipeRow(
        name, found.title, found.about, found.stream.word, told_trigger(found.trigger), tuple(sorted(found.templates)),
        found.name in applied,
    )  # fmt: skip
