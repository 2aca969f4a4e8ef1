"""`posthouse mail`: the mails that flows send. check needs no daemon."""

from typing import Annotated

import typer

from engine.commands.common import ConfigPath, make_app, own_templates, refuse

app = make_app("The mails that flows send.")


@app.callback()
def mail() -> None:
    """Templates below templates/mail, and their words in each language."""


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Mails; all of them otherwise.")] = None,
    config_path: ConfigPath = None,
) -> None:
    """Read mail templates and their texts; list everything that is wrong. Exit code 2 when anything is."""
    from engine.sending.checking import check_mails, mail_names

    resources = own_templates(config_path)
    asked = names or mail_names(resources)
    faults = check_mails(resources, asked)
    if faults:
        refuse(f"{len(faults)} faults\n" + "\n".join(map(str, faults)), code=2)
    print(f"{len(asked)} mails: all right")
