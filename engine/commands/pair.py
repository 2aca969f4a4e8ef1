"""`posthouse pair`: which products go together; pinned and banned ones. Needs no daemon."""

import json
from typing import Annotated

import typer

from engine.commands.common import ConfigPath, Json, config, database, make_app, refuse

app = make_app("Which products go together.")

One = Annotated[str, typer.Argument(help="A product's SKU.")]
Other = Annotated[str, typer.Argument(help="Another's.")]


@app.command("list")
def list_pairs(
    sku: Annotated[str, typer.Argument(help="Of this product only.")] = "",
    limit: Annotated[int, typer.Option(help="So many at most.", min=1, max=10_000)] = 100,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """The pairs that people have a word on, and those that are ordered together most; pinned first, then by lift."""
    from engine.catalogue.pairs import all_pairs, pairs_of

    desk = database(config(config_path))
    found = desk.read_now(lambda tx: pairs_of(tx, [sku], limit) if sku else all_pairs(tx, limit))
    if as_json:
        rows = [
            {
                "sku": each.sku, "other": each.other, "together": each.together, "lift": round(each.lift, 3),
                "standing": str(each.standing),
            }
            for each in found
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for each in found:
        print(f"{each.sku:<24} {each.other:<24} {each.together:>8} {each.lift:>8.2f}  {each.standing}".rstrip())


@app.command()
def pin(one: One, other: Other, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Offer one with the other, before all that was learnt."""
    _say(one, other, "pinned", config_path, as_json)


@app.command()
def ban(one: One, other: Other, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Never offer one with the other."""
    _say(one, other, "banned", config_path, as_json)


@app.command()
def free(one: One, other: Other, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Leave the pair to what is learnt."""
    _say(one, other, "", config_path, as_json)


def _say(one: str, other: str, word: str, config_path: ConfigPath, as_json: bool) -> None:
    from engine.catalogue.pairs import Standing, set_standing

    if one == other or not (0 < len(one) <= 100 and 0 < len(other) <= 100):
        refuse("a pair is two products", "nothing was changed", code=2)
    desk = database(config(config_path))
    desk.write_now(lambda tx: set_standing(tx, one, other, Standing(word)))
    if as_json:
        print(json.dumps({"sku": one, "other": other, "standing": word}, ensure_ascii=False))
        return
    print(f"{one} and {other} are {word or 'left to what is learnt'}")
