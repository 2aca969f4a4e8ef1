"""`posthouse mail`: the mails that flows send. Needs no daemon, but for send-test."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import (
    ConfigPath,
    Json,
    Socket,
    act,
    make_app,
    own_config,
    own_templates,
    refuse,
    refuse_faulty,
    who,
)
from engine.commands.files import text_of

if TYPE_CHECKING:
    from engine.proofs.proving import Prover

app = make_app("The mails that flows send.")

Mail = Annotated[str, typer.Argument(help="The mail.")]
Mails = Annotated[list[str] | None, typer.Argument(help="Mails; all of them otherwise.")]


@app.callback()
def mail() -> None:
    """Templates below templates/mail, and their words in each language."""


@app.command("list")
def list_(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """All mails: what they are for, their stream and languages, and which of their files are your own."""
    from engine.commands.mail_files import listed

    rows = listed(_prover(config_path))
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        own = "  (yours)" if row["own"] else ""
        print(f"{row['name']:<26}{row['stream']:<15}{' '.join(row['languages']):<22}{row['about']}{own}")


@app.command()
def check(names: Mails = None, config_path: ConfigPath = None) -> None:
    """Read mail templates and their texts; list everything that is wrong. Exit code 2 when anything is."""
    from engine.sending.checking import check_mails, mail_names

    resources = own_templates(config_path)
    asked = names or mail_names(resources)
    faults = check_mails(resources, asked)
    if faults:
        refuse_faulty(faults)
    print(f"{_mails(asked)}: all right")


@app.command()
def lint(
    names: Mails = None,
    spam: Annotated[
        bool | None, typer.Option(help="Ask SpamAssassin or rspamd too; without the option where mails are named.")
    ] = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Write mails to made readers (usual, the longest, the emptiest) in every language, and list what is wrong with them.
    Exit code 2 when anything is."""
    from engine.proofs.linting import lint as lint_mails
    from engine.proofs.spam import SpamTrouble, judge
    from engine.sending.checking import mail_names

    prover = _prover(config_path)
    asked = names or mail_names(prover.resources)
    is_asked = bool(names) if spam is None else spam
    who = judge() if is_asked else None
    if spam and who is None:
        refuse("neither SpamAssassin nor rspamd is installed", "`apt install spamassassin`", code=2)
    try:
        found = list(lint_mails(prover, asked, who))
    except SpamTrouble as err:
        refuse(str(err))
    if as_json:
        print(json.dumps([{"rule": each.rule, "where": each.where, "problem": each.problem} for each in found]))
    else:
        print(
            "\n".join(map(str, found)) or f"{_mails(asked)}: nothing found" + (f" ({who.program} too)" if who else "")
        )
    if found:
        raise SystemExit(2)


@app.command()
def preview(
    name: Mail,
    locale: Annotated[str, typer.Option(help="The language, such as he.")] = "en",
    reader: Annotated[str, typer.Option(help="A made reader: usual, longest or emptiest.")] = "usual",
    contact: Annotated[str, typer.Option(help="A contact instead, by address; needs the database.")] = "",
    data: Annotated[str, typer.Option(help="JSON that is laid over the sample's data.")] = "{}",
    html: Annotated[Path | None, typer.Option(help="Write its HTML into this file.")] = None,
    watch: Annotated[
        bool, typer.Option(help="Write it anew whenever a template, its words or the brand change.")
    ] = False,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """A mail as a reader would get it: head and plain text here, HTML in a file. Nothing is sent, kept or counted."""
    from engine.commands.mail_previews import Asked, show, watched

    asked = Asked(name, locale, reader, contact, data, html)
    if watch:
        watched(asked, config_path, lambda: _prover(config_path))
    show(asked, config_path, _prover(config_path), as_json=as_json)


@app.command("send-test")
def send_test(
    name: Mail,
    address: Annotated[str, typer.Argument(help="Whom to send it to; an address of your own.")],
    locale: Annotated[str, typer.Option(help="The language, such as he; mail.locale otherwise.")] = "",
    reader: Annotated[str, typer.Option(help="A made reader: usual, longest or emptiest.")] = "usual",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Have the daemon send a mail, signed as all mail, with a made reader and a made event. Its links change nothing."""
    act(socket, "mail/test", {"mail": name, "address": address, "locale": locale, "reader": reader}, as_json)


@app.command()
def new(
    name: Mail,
    like: Annotated[str, typer.Option(help="The mail to begin from.")] = "cart-reminder",
    folder: Annotated[
        Path | None, typer.Option(help="Your folder of templates; the configuration's otherwise.")
    ] = None,
    config_path: ConfigPath = None,
) -> None:
    """Begin a mail: its three files in your folder, copied from another mail, to be written over."""
    from engine.commands.mail_files import begin

    resources = own_templates(config_path)
    settings = own_config(config_path)
    place = folder or (settings.templates if settings else None)
    if place is None:
        refuse(
            "there is no folder of your own templates", "say --folder, or set `templates` in the configuration", code=2
        )
    print("\n".join(f"wrote {each}" for each in begin(resources, place, name, like)))


@app.command()
def diff(names: Mails = None, config_path: ConfigPath = None) -> None:
    """How your own templates, words and brand differ from those that come with Posthouse, line by line."""
    from engine.proofs.differing import differences, stems

    resources = own_templates(config_path)
    known = stems(resources)
    if unknown := [each for each in names or [] if each not in known]:
        refuse(f"there is no mail {unknown[0][:63]}", "`posthouse mail list` shows them", code=2)
    told = "".join(differences(resources, names or []))
    print(told or "no difference")


@app.command()
def save(
    file: Annotated[str, typer.Argument(help="The file, such as mail/confirm.html.j2 or brand.toml.")],
    source: Annotated[Path, typer.Argument(help="Its new text; - is standard input.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Have the daemon keep a file of templates in your folder, and say what is wrong with it. It is used after a reload."""
    text = sys.stdin.read() if str(source) == "-" else text_of(source)
    done = act(socket, "mail/save", {"file": file, "source": text, "by": who()}, as_json)
    for each in () if as_json else done.facts["faults"]:
        print(
            f"  {each['file']}:{each['line']}: {each['problem']}"
            if each["line"]
            else f"  {each['file']}: {each['problem']}"
        )


@app.command()
def drop(
    file: Annotated[str, typer.Argument(help="The file, such as mail/confirm.html.j2.")],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Take a file of your own away, so that the one that comes with Posthouse is used again, after a reload."""
    act(socket, "mail/drop", {"file": file, "by": who()}, as_json)


@app.command()
def gallery(
    folder: Annotated[Path, typer.Argument(help="The folder to write.")] = Path("gallery"),
    config_path: ConfigPath = None,
) -> None:
    """Write an HTML gallery of all mails in all languages, and of the diagrams of the flows that come with Posthouse."""
    from engine.commands.gallery import write
    from engine.commands.mail_files import writing
    from engine.sending.resources import packaged_folder

    prover = _prover(config_path)
    with writing(folder, "FOLDER"):
        pages = write(folder, prover, packaged_folder() / "flows")
    print(f"wrote {len(pages)} mails; open {(folder / 'index.html').resolve().as_uri()}")


def _prover(config_path: Path | None) -> "Prover":
    """With the settings of the installation, where there is one."""
    from engine.proofs.proving import BASE_URL, Prover
    from engine.sending.brand import BrandError
    from engine.sending.texts import TextError

    resources = own_templates(config_path)
    settings = own_config(config_path)
    try:
        if settings is None:
            return Prover(resources)
        return Prover(resources, settings.mail, settings.web.base_url or BASE_URL)
    except (BrandError, TextError) as err:
        refuse(str(err), code=2)


def _mails(names: list[str]) -> str:
    return "1 mail" if len(names) == 1 else f"{len(names)} mails"
