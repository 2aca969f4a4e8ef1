"""`posthouse extractor`: events out of mails by files of your own. Needs no daemon."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.common import ConfigPath, Json, config, make_app, refuse
from mta.plain_file import open_plain

if TYPE_CHECKING:
    from engine.intake.extractors.model import Extractor

app = make_app("Events out of mails, by files of your own.")

LARGEST = 16 * 1024 * 1024  # octets of a mail


@app.command()
def test(
    file: Annotated[Path, typer.Argument(help="An extractor's file.")],
    mails: Annotated[list[Path] | None, typer.Argument(help="Mails to try it on, as they came (RFC 5322).")] = None,
    as_json: Json = False,
) -> None:
    """Check a file and say what it finds in each mail. Exit code 1 when a mail gives no event, 2 when the file is wrong."""
    from engine.intake.extractors.book import read_file

    made = read_file(file)
    if isinstance(made, list):
        refuse("\n".join(map(str, made)), code=2)
    tried = [(mail, *_try(made, mail)) for mail in mails or ()]
    if as_json:
        rows = [{"mail": str(mail), "event": found, "why": why} for mail, found, why in tried]
        print(json.dumps({"extractor": made.name, "mails": rows}, ensure_ascii=False, indent=2))
    else:
        print(f"{file}: all right")
        for mail, found, why in tried:
            _print(mail, found, why)
    if any(found is None for _, found, _ in tried):
        raise SystemExit(1)


@app.command("list")
def list_extractors(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The extractors in force, and the faults of those that are not."""
    from engine.intake.extractors.book import read_folder

    folder = config(config_path).intake.extractors
    if folder is None:
        refuse("no folder of extractors is set", 'write [intake] extractors = "extractors" into the configuration')
    book = read_folder(folder)
    if as_json:
        rows = [
            {"name": each.name, "event": each.event or [name for _, name in each.cases]} for each in book.extractors
        ]
        print(
            json.dumps(
                {"extractors": rows, "faults": [str(each) for each in book.faults]}, ensure_ascii=False, indent=2
            )
        )
    else:
        for each in book.extractors:
            print(f"{each.name:<24} {each.event or ', '.join(name for _, name in each.cases)}")
    if book.faults:
        refuse("\n".join(map(str, book.faults)), code=2)


def _try(made: "Extractor", mail: Path) -> tuple[dict[str, Any] | None, str]:
    """What the extractor finds in a mail, or why there is no event."""
    from deliverability.address import Address, AddressError
    from deliverability.encoded_words import decode_text
    from deliverability.rawmail import first_value, normalise_newlines, split_message
    from engine.flow.events import EventError, check_told, read_data
    from engine.intake.extractors.applying import apply, open_mail
    from engine.intake.extractors.book import Book

    try:
        with open_plain(mail) as opened:
            content = normalise_newlines(opened.read(LARGEST))
    except OSError as err:
        return None, f"can't be read: {err.strerror}"
    header, _ = split_message(content)
    to = []
    for part in decode_text(first_value(header, "To") or b"")[:2000].split(","):
        try:
            to.append(Address.parse(part.rpartition("<")[2].partition(">")[0].strip() or part.strip()))
        except AddressError:
            continue
    if not Book((made,)).for_mail(header, to):
        return None, "match: the mail is not one of those"
    found, why = apply(made, open_mail(content))
    try:
        if found is not None:
            check_told(found["name"])
            read_data(found["data"])
    except EventError as err:
        return None, str(err)
    return found, why


def _print(mail: Path, found: dict[str, Any] | None, why: str) -> None:
    if found is None:
        print(f"{mail}: no event: {why}")
        return
    about = f" about {found['key']}" if found["key"] else ""
    whose = f" of {found['contact']}" if found["contact"] else ""
    kept = "" if found["deliver"] else "; the mail is kept back where a flow writes instead"
    print(f"{mail}: {found['name']}{about}{whose}{kept}")
    for name, value in found["data"].items():
        print(f"  {name}: {json.dumps(value, ensure_ascii=False)}")
