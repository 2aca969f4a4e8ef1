"""`posthouse bounce`: what mail that came back means, and what came. Needs no daemon and changes nothing."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deliverability.bounces.conclude import Conclusion, conclude
from deliverability.bounces.judging import Finding
from deliverability.mime import DEFAULT_LIMITS
from deliverability.text import clean
from engine.commands.bounce_received import received, show
from engine.commands.common import Json, make_app
from engine.commands.files import read_files

# What another's reader of odd bounces says of its own faults is no answer of ours (deliverability.bounces.last).
logging.getLogger("flufl.bounce").disabled = True

app = make_app("What mail that came back means.")
app.command()(received)
app.command()(show)

_SUPPRESS: Final = {"now": "now", "after": "later", "never": "never"}


@app.callback()
def bounce() -> None:
    """What mail that came back means: bounces, delays, complaints, automatic replies."""


@app.command()
def explain(
    files: Annotated[list[Path], typer.Argument(help="Mails as they came, one a file; - reads one from the input.")],
    as_json: Json = False,
) -> None:
    """Say of each file what it is, whom it tells of, who is to blame and whether the address would be written to again.
    Without a daemon nobody's token is looked at, so this is what a mail says, and never a reason to suppress."""
    for name, content in read_files(files, DEFAULT_LIMITS.size, as_json):
        conclusion = conclude(content)
        if as_json:
            print(json.dumps({"file": name, **as_data(conclusion)}, ensure_ascii=False))
        else:
            print("\n".join(_shown(name, conclusion)))


def as_data(conclusion: Conclusion) -> dict[str, Any]:
    """A conclusion as plain data: {"kind", "feedback", "recipients": [{"address", "class", "blame", "hard", ...}]}."""
    return {
        "kind": conclusion.kind,
        "feedback": conclusion.feedback,
        "recipients": [_recipient(each) for each in conclusion.recipients],
    }


def _recipient(each: Finding) -> dict[str, Any]:
    return {
        "address": each.address or None,
        "class": each.klass,
        "blame": each.blame or None,
        "hard": each.hard,
        "suppress": _SUPPRESS[each.suppress],
        "status": str(each.status) if each.status else None,
        "reply_code": each.reply_code,
    }


def _shown(name: str, conclusion: Conclusion) -> Iterator[str]:
    yield f"{clean(name)}: {conclusion.kind}" + (f" ({conclusion.feedback})" if conclusion.feedback else "")
    for each in conclusion.recipients:
        codes = " ".join(str(code) for code in (each.reply_code, each.status) if code)
        yield f"  {each.address or 'somebody (left out)'}: {each.klass}" + (f" ({codes})" if codes else "")
        hard = {True: "for good", False: "not for good", None: "nothing was refused"}[each.hard]
        blame = f"to blame: {each.blame}; " if each.blame else ""
        yield f"    {blame}{hard}; suppress: {_SUPPRESS[each.suppress]}" + (f"; rule: {each.rule}" if each.rule else "")
        if each.said:
            yield f"    said: {each.said[:160]}"
