"""`posthouse product`: what the shop sells, at which price, and how many are left. Needs no daemon."""

import io
import json
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from engine.commands.common import ConfigPath, Json, clock, config, database, make_app, refuse
from mta.plain_file import open_plain

if TYPE_CHECKING:
    from engine.catalogue.products import Product

app = make_app("Products: price, stock, and the events that their changes are.")

Sku = Annotated[str, typer.Argument(help="The product's SKU.")]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with a head line, a JSON list, or JSON lines; - reads stdin.")],
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Write products down, new ones and changes. What a file does not name stays as it is."""
    from engine.catalogue.product_files import read_products
    from engine.catalogue.products import PART, ProductError, Stored, store

    desk = database(config(config_path))
    now, done = clock(desk).now(), Stored()
    try:
        if str(file) != "-":  # a file is read twice, so that nothing of a faulty one is taken
            with _opened(file) as lines:
                deque(read_products(lines), maxlen=0)
        with _opened(file) as lines:
            products = read_products(lines)
            while part := list(islice(products, PART)):
                done += desk.write_now(lambda tx, part=part: store(tx, part, now))  # type: ignore[misc]
    except ProductError as err:
        refuse(
            f"{file}: {err}", f"{done.new + done.changed} products were written; mend it and import it again", code=2
        )
    except (OSError, UnicodeDecodeError) as err:
        refuse(f"{file} can't be read: {getattr(err, 'strerror', None) or err}", code=2)
    if as_json:
        print(json.dumps({"new": done.new, "changed": done.changed, "events": done.events}))
        return
    print(f"{done.new} new products, {done.changed} changed; {done.events} events")


@app.command("set")
def set_product(
    sku: Sku,
    name: Annotated[str | None, typer.Option(help="What people read.")] = None,
    price: Annotated[str | None, typer.Option(help="Such as 12.50.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217.")] = None,
    stock: Annotated[str | None, typer.Option(help="How many are left; empty: nobody counts.")] = None,
    low: Annotated[str | None, typer.Option(help="From here on few are left.")] = None,
    url: Annotated[str | None, typer.Option(help="Its page.")] = None,
    image: Annotated[str | None, typer.Option(help="Its picture.")] = None,
    group: Annotated[str | None, typer.Option(help="What it goes with.")] = None,
    config_path: ConfigPath = None,
    as_json: Json = False,
) -> None:
    """Write a product down, or change what is said."""
    from engine.catalogue.products import ProductError, read_product, store

    told = {
        "sku": sku, "name": name, "price": price, "currency": currency, "stock": stock, "low": low, "url": url,
        "image": image, "group": group,
    }  # fmt: skip
    desk = database(config(config_path))
    now = clock(desk).now()
    try:
        product = read_product({word: value for word, value in told.items() if value is not None})
    except ProductError as err:
        refuse(str(err), "nothing was changed", code=2)
    done = desk.write_now(lambda tx: store(tx, [product], now))
    if as_json:
        print(json.dumps({"sku": sku, "new": done.new, "changed": done.changed, "events": done.events}))
        return
    events = f"; {done.events} events" if done.events else ""
    print(f"{sku} is {'new' if done.new else 'changed' if done.changed else 'as it was'}{events}")


@app.command("list")
def list_products(config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The products there are, by SKU; as JSON one a line."""
    from engine.catalogue.products import listed

    desk, after = database(config(config_path)), ""
    while part := desk.read_now(lambda tx, after=after: listed(tx, after)):  # type: ignore[misc]
        after = part[-1].sku
        for each in part:
            print(json.dumps(each.as_json(), ensure_ascii=False) if as_json else _row(each))


@app.command()
def show(sku: Sku, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """A product, and what goes with it."""
    from engine.catalogue.pairs import pairs_of
    from engine.catalogue.products import find

    desk = database(config(config_path))
    found, pairs = desk.read_now(lambda tx: (find(tx, [sku]).get(sku), pairs_of(tx, [sku])))
    if found is None:
        refuse(f"there is no product {sku}", "`posthouse product list` shows them")
    told: dict[str, Any] = {**found.as_json(), "low": found.low}
    if as_json:
        goes = [
            {"sku": each.other, "together": each.together, "lift": round(each.lift, 3), "standing": str(each.standing)}
            for each in pairs
        ]
        print(json.dumps({**told, "pairs": goes}, ensure_ascii=False, indent=2))
        return
    for word, value in told.items():
        print(f"{word:<10} {value}")
    for each in pairs:
        print(f"goes with  {each.other}: together {each.together}, lift {each.lift:.2f} {each.standing}".rstrip())


@app.command()
def remove(sku: Sku, config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Take a product out of the catalogue. What was learnt of it stays."""
    from engine.catalogue.products import remove as take_out

    if not database(config(config_path)).write_now(lambda tx: take_out(tx, sku)):
        refuse(f"there is no product {sku}")
    print(json.dumps({"sku": sku, "removed": True}) if as_json else f"{sku} is gone")


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    with io.TextIOWrapper(open_plain(file), "utf-8-sig", newline="") as lines:
        yield lines


def _row(product: "Product") -> str:
    told = product.as_json()
    price = f"{told['price']} {product.currency}".strip() if "price" in told else "-"
    stock = "uncounted" if product.stock is None else f"{product.stock} left" if product.stock else "sold out"
    return f"{product.sku:<24} {price:>14} {stock:>12}  {product.name}".rstrip()
