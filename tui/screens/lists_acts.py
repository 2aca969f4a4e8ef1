"""What can be done about lists and people, as intents: the forms are asked by the frame."""

from shlex import quote
from typing import Any

from tui.verbs import Field, Intent, Ladder

DOUBLE, SINGLE = "double", "single"
ASK, BELIEVE = "ask each by mail", "believe what is declared"
HERE, THERE = "here", "on the daemon's machine"
WHY = Field("why", "Why", required=True, hint="kept with it")


def make_list() -> Intent:
    fields = (
        Field("name", "Name", required=True, hint="small letters, digits, hyphens"),
        Field("title", "Title", hint="what readers see"),
        Field("purpose", "Purpose", hint="the words that people agree to"),
        Field("confirmation", "Confirmation", DOUBLE, (DOUBLE, SINGLE)),
    )
    command = "posthouse list create {name} --title {title} --purpose {purpose}"
    return Intent("Make a list", "lists", {}, command, fields=fields)


def enter_person(name: str, address: str = "") -> Intent:
    fields = (
        *(() if address else (Field("address", "Address", required=True),)),
        Field("name", "Name"),
        Field("locale", "Language", hint="such as en, he, zh-Hant"),
        Field("source", "Source", "inquiry", hint="how they asked: inquiry, call, fair ..."),
    )
    body = {"list": name} | ({"address": address} if address else {})
    who = quote(address) if address else "{address}"
    command = f"posthouse list subscribe {name} {who} --name {{name}} --locale {{locale}} --source {{source}}"
    return Intent(f"Ask somebody for {name}, by mail", "lists/subscribe", body, command, Ladder.AT_ONCE, fields)


def ask_again(name: str, whom: dict[str, Any], told: str) -> Intent:
    return Intent(
        f"Ask {told} of {name} once more, by mail", "lists/ask-again", {"list": name, **whom},
        f"posthouse list ask-again {name} {_flags(whom)}", Ladder.DRY_RUN,
    )  # fmt: skip


def take_off(name: str, whom: dict[str, Any], told: str, *, is_bulk: bool) -> Intent:
    return Intent(
        f"Take {told} off {name}", "lists/remove", {"list": name, **whom},
        f"posthouse list remove {name} {_flags(whom)} --why {{why}}", Ladder.DRY_RUN if is_bulk else Ladder.AT_ONCE, (WHY,),
    )  # fmt: skip


def tag(whom: dict[str, Any], told: str, *, takes: bool) -> Intent:
    fields = (Field("tag", "Tag", required=True, hint="small letters; no comma"),)
    words = f"Take a tag from {told}" if takes else f"Tag {told}"
    command = (
        f"posthouse contact set {_flags(whom)} {'--untag' if takes else '--tag'} {{tag}}" if "address" in whom else ""
    )
    return Intent(words, "people/tag", {**whom, "take": takes}, command, fields=fields)


def _flags(whom: dict[str, Any]) -> str:
    """Whom, as the command line says it."""
    if "address" in whom:
        return quote(str(whom["address"]))
    if whom.get("all"):
        more = [f"--{name} {quote(str(whom[name]))}" for name in ("state", "q") if whom.get(name)]
        return " ".join(("--all", *more))
    return " ".join(f"--contact {each}" for each in whom.get("contacts", ()))


def import_fields(name: str) -> tuple[Field, ...]:
    """The file, and what is declared of it."""
    return (
        Field("file", "File", required=True, hint="CSV, JSON lines, Mailchimp's, listmonk's"),
        Field("where", "It lies", HERE, (HERE, THERE)),
        Field("lists", "Onto the list", name, hint="several with commas; none: contacts only"),
        Field("asks", "Their yes", ASK, (ASK, BELIEVE)),
        Field("source", "Come by", required=True, hint="how, as you would tell a court"),
        Field("wording", "Words", hint="they agreed to; else the list's purpose"),
        Field("tags", "Tags", hint="with commas between"),
        Field("columns", "Columns", hint='such as "Kontakt=address, Notes=-"'),
        Field("dates", "Dates", "iso", ("iso", "dmy", "mdy")),
    )


def options_of(answers: dict[str, str]) -> dict[str, Any]:
    """What the form said, as `imports/try` takes it."""
    said: dict[str, Any] = {name: answers[name] for name in ("source", "wording", "dates") if answers.get(name)}
    for name in ("lists", "tags"):
        said[name] = [each.strip() for each in answers.get(name, "").split(",") if each.strip()]
    pairs = [each.rpartition("=") for each in answers.get("columns", "").split(",") if "=" in each]
    said["columns"] = {left.strip(): right.strip() for left, _, right in pairs}
    said["asks"] = answers.get("asks") == ASK
    return {name: value for name, value in said.items() if value not in ("", [], {}, False)}


def command_of(file: str, options: dict[str, Any], *, dry: bool = False) -> str:
    """The same as a command line."""
    words = ["posthouse contact import", quote(file)]
    words += [f"--list {quote(each)}" for each in options.get("lists", ())]
    words += [f"--tag {quote(each)}" for each in options.get("tags", ())]
    words += [f"--map {quote(f'{left}={right}')}" for left, right in options.get("columns", {}).items()]
    words += [f"--{name} {quote(options[name])}" for name in ("source", "wording", "dates") if options.get(name)]
    words += ["--ask"] if options.get("asks") else []
    return " ".join([*words, *(["--dry-run"] if dry else [])])
