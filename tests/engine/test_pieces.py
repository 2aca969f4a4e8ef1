"""Options that commands share: each command has them in the place where it takes what they say."""

import typer
from typer.testing import CliRunner

from engine.commands.pieces import Piece, taking

Colour = typer.Option("", help="Only of this colour.")


def _chosen(names: list[str] = typer.Argument(None), colour: str = Colour, size: int = 0) -> Piece:  # noqa: B008
    return {"names": names, "colour": colour, "size": size}


def _group() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @taking("chosen", _chosen)
    def pick(shop: str, chosen: Piece, why: str = "") -> None:
        """Pick some."""
        print(shop, chosen, why)

    @app.command()
    @taking("chosen", _chosen, without=("size",))
    def drop(chosen: Piece) -> None:
        """Drop some."""
        print(chosen)

    return app


def said(*words: str) -> str:
    done = CliRunner().invoke(_group(), words)
    return done.output if done.exit_code == 0 else f"{done.exit_code}: {done.output}"


def test_what_is_shared_stands_where_the_command_takes_it() -> None:
    asked = ("pick", "tea", "cup", "pot", "--colour", "blue", "--size", "3", "--why", "it broke")
    assert said(*asked) == "tea {'names': ['cup', 'pot'], 'colour': 'blue', 'size': 3} it broke\n"
    assert said("drop", "cup") == "{'names': ['cup'], 'colour': '', 'size': None}\n"
    shown = said("pick", "--help")
    assert "Pick some." in shown and shown.index("--colour") < shown.index("--why")


def test_what_a_command_is_without_is_no_option_of_it() -> None:
    assert "--size" not in said("drop", "--help")
    assert said("drop", "--size", "3").startswith("2: ")
