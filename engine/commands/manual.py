"""`posthouse manual`: the man pages and the shells' completion, out of the commands' own help."""

from pathlib import Path
from typing import Annotated, Final

import typer

from engine.commands.common import make_app, refuse

app = make_app("Write the man pages, and the shells' completion.")

_ABOUT: Final = {
    "posthouse": "the terminal and the commands of a mail engine's operators",
    "posthoused": "an e-mail flow engine with its own SMTP relay",
}


@app.command()
def manual(to: Annotated[Path, typer.Option("--to", help="A folder such as /usr/local/share.")]) -> None:
    """Write man/man1, man/man5, man/man8, bash-completion/completions and fish/vendor_completions.d below a folder."""
    from engine.commands import roff, settings_told, shells, tree
    from engine.release import version

    operators, daemon, release = tree.of_operators(), tree.of_daemon(), version()
    files = {
        "man/man1/posthouse.1": roff.main_page(operators, 1, _ABOUT["posthouse"], release),
        "man/man5/posthouse.toml.5": roff.settings_page(settings_told.sections(), release),
        "man/man8/posthoused.8": roff.main_page(daemon, 8, _ABOUT["posthoused"], release),
        "bash-completion/completions/posthouse": shells.bash((operators, daemon)),
        "bash-completion/completions/posthoused": ". ${BASH_SOURCE[0]%d}\n",
        "fish/vendor_completions.d/posthouse.fish": shells.fish((operators, daemon)),
    }
    for each in operators.children:
        files[f"man/man1/{roff.page_name(each)}.1"] = roff.page_of(each, 1, release)
    for each in daemon.children:
        files[f"man/man8/{roff.page_name(each)}.8"] = roff.page_of(each, 8, release)
    try:
        for name, text in files.items():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).write_text(text, encoding="utf-8")
    except OSError as err:
        refuse(f"{err.filename} can't be written: {err.strerror}", code=2)
    print(f"{len(files)} files are written below {to}")
