"""`posthouse survey`: questions that mails ask. Needs no daemon."""

import json
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse

app = make_app("Questions that mails ask.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help='Mails say survey_url("NAME", answer).')],
    question: Annotated[str, typer.Option(help="What is asked, where no catalogue has survey.NAME.question.")] = "",
    kind: Annotated[str, typer.Option(help="scale (0 to 10), stars (1 to 5) or choice.")] = "scale",
    choice: Annotated[list[str] | None, typer.Option(help="One choice (again for more).")] = None,
    field: Annotated[str, typer.Option(help="The declared field that keeps a contact's last answer.")] = "",
    config_path: ConfigPath = None,
) -> None:
    """Make a survey, or give one that is there another question, more choices or another field."""
    from engine.audience.surveys import Kind, Survey, SurveyError, put

    if kind not in list(Kind):
        refuse(f'"{kind[:30]}" is no kind of survey', f"the kinds are {', '.join(Kind)}", code=2)
    made, store = Survey(name, Kind(kind), question, tuple(choice or ()), field), database(config(config_path))
    now = clock(store).now()
    try:
        store.write_now(lambda tx: put(tx, made, now))
    except SurveyError as err:
        refuse(str(err), "nothing was changed", code=2)
    print(f"{name} asks; the answers are {', '.join(made.answers)}")


@app.command("list")
def list_surveys(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The surveys there are."""
    from engine.audience.surveys import every

    found = database(config(config_path)).read_now(every)
    if as_json:
        rows = [
            {
                "name": each.name, "kind": str(each.kind), "question": each.question, "choices": each.choices,
                "field": each.field,
            }
            for each in found
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for each in found:
        print(f"{each.name:<24} {each.kind:<7} {each.question} {', '.join(each.choices)}".rstrip())
