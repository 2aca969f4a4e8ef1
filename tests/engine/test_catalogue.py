"""The catalogue: changes of products are events, pairs are learnt from orders, offers are in stock and not bought already."""

import email
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clock import NOON
from flow_house import ANN, FlowHouse
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Place, open_store

from deliverability.address import Address
from engine.catalogue import pairs
from engine.catalogue.offers import MOST, offers
from engine.catalogue.pairs import Standing, all_pairs, lift, pairs_of, set_standing, skus_of
from engine.catalogue.product_files import read_products
from engine.catalogue.products import WORDS, Product, ProductError, changes, find, read_product, store
from engine.commands import run
from engine.config import load as load_config
from engine.flow.events import make_event
from engine.house import ensure_state
from engine.intake.recording import record
from engine.store.groups import GroupStore
from mta.ports import Tx


class Shop:
    """A store with products in it, and people who order."""

    def __init__(self, desk: GroupStore) -> None:
        self.desk = desk
        self.now = NOON

    def put(self, sku: str, **told: object) -> None:
        product = read_product({"sku": sku, **told})
        self.desk.write_now(lambda tx: store(tx, [product], self.now))

    def order(self, *skus: str, by: str = ANN, **data: object) -> int:
        lines = [{"sku": sku, "quantity": 1} for sku in skus]
        told = make_event(
            "order.placed", {"lines": lines, **data}, at=self.now, source="http", address=Address.parse(by)
        )

        def work(tx: Tx) -> int:
            event_id = record(tx, told, now=self.now)
            row = tx.one("SELECT contact_id FROM event WHERE id = ?", (event_id,))
            assert row is not None
            return int(row[0])

        return self.desk.write_now(work)

    def learn(self) -> None:
        """What the janitor does, until it has no more to do."""
        for _ in range(3):
            while self.desk.read_now(lambda tx: pairs.has_orders(tx, self.now)):
                self.desk.write_now(lambda tx: pairs.learn(tx, self.now))
            self.now += pairs.SETTLED

    def events(self) -> list[tuple[str, str, dict[str, Any]]]:
        rows = self.desk.read_now(
            lambda tx: tx.query("SELECT name, key, data FROM event WHERE name LIKE 'product.%' ORDER BY id")
        )
        return [(name, key, json.loads(data)) for name, key, data in rows]

    def pairs(self, sku: str) -> list[tuple[str, int, float, str]]:
        found = self.desk.read_now(lambda tx: pairs_of(tx, [sku]))
        return [(each.other, each.together, round(each.lift, 3), str(each.standing)) for each in found]

    def offered(self, contact_id: int, *skus: str) -> list[str]:
        event = {"lines": [{"sku": sku} for sku in skus]}
        return [each["sku"] for each in self.desk.read_now(lambda tx: offers(tx, contact_id, event))]


@pytest.fixture
def shop(place: Place) -> Iterator[Shop]:
    desk = open_store(place)
    yield Shop(desk)
    desk.close()


# -- products


def test_what_changes_about_a_product_is_an_event_and_what_stays_is_none(shop: Shop) -> None:
    shop.put("tea", name="Assam", price=12.5, currency="EUR", stock=20)
    shop.put("tea", price="12.50", stock=20)
    assert shop.events() == []
    shop.put("tea", price=9)
    shop.put("tea", stock=4)
    shop.put("tea", stock=3)
    shop.put("tea", stock=-2)
    shop.put("tea", stock=50, price=10)
    assert [(name, key) for name, key, _ in shop.events()] == [
        ("product.price_dropped", "tea"), ("product.low_stock", "tea"), ("product.back_in_stock", "tea"),
    ]  # fmt: skip
    assert shop.events()[0][2] == {
        "sku": "tea",
        "name": "Assam",
        "price": 9,
        "currency": "EUR",
        "stock": 20,
        "was": 12.5,
    }


def test_what_is_not_told_stays_as_it_was(shop: Shop) -> None:
    shop.put("tea", name="Assam", price=1, stock=7, url="https://shop.example/tea", group="tea", low=2)
    shop.put("tea", stock=6)
    (product,) = shop.desk.read_now(lambda tx: find(tx, ["tea", "none"])).values()
    assert product == Product("tea", "Assam", 100, "", 6, 2, "https://shop.example/tea", "", "tea")


def test_the_last_of_two_rows_counts_and_many_are_written_in_parts(shop: Shop) -> None:
    told = [{"sku": f"s{which % 90}", "stock": which} for which in range(180)]
    done = shop.desk.write_now(lambda tx: store(tx, told, NOON))
    assert (done.new, done.changed, done.events) == (90, 0, 0)
    assert shop.desk.read_now(lambda tx: find(tx, ["s3"]))["s3"].stock == 93


NUMBERS = st.none() | st.integers(0, 50)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_no_change_of_a_product_says_what_is_not_so(
    was: int | None, price: int | None, had: int | None, has: int | None
) -> None:
    old, new = Product("a", price=was, stock=had), Product("a", price=price, stock=has)
    told = {name for name, _ in changes(old, new)}
    if "product.price_dropped" in told:
        assert was is not None and price is not None and price < was
    if "product.back_in_stock" in told:
        assert had == 0 and has != 0
    if "product.low_stock" in told:
        assert had is not None and has is not None and 0 < has <= new.low < had
    assert not list(changes(new, new))


@pytest.mark.parametrize(
    ("text", "skus"),
    [
        ("sku,name,price,stock\nA,Tea,1.50,3\n\nB,Cup,,\n", ["A", "B"]),
        ('\ufeff[{"sku": "A", "price": 1.5},\n {"sku": 7}]', ["A", "7"]),
        ('{"sku": "A"}\n\n{"sku": "B", "stock": null}\n', ["A", "B"]),
        ("", []),
    ],
)
def test_products_come_as_a_table_a_list_or_lines(text: str, skus: list[str]) -> None:
    if text:
        assert [each["sku"] for each in read_products(text.splitlines(keepends=True))] == skus


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sku,prise\nA,1\n", "line 1: the first line names the columns"),
        ("sku,price\nA,1.234\n", 'line 2: price: "1.234" is no price: such as 12.50, at most two decimals'),
        ("sku,stock\nA,1\nB\n", "line 3: 1 cells under 2 columns"),
        ("sku,stock\n,1\n", "line 2: sku: is empty"),
        ('[{"sku": "A"}, 7]', "product 2: an object is expected"),
        ('{"sku": "A"}\n{', "line 2: is no JSON"),
        ('{"sku": "A", "prize": 1}', '"prize" is not known'),
        ('{"sku": "A", "url": "javascript:x"}', "url: an address that begins with"),
        ('{"sku": "A", "currency": "EURO"}', "currency: one line of at most 3 characters"),
        ('{"sku": "A", "stock": true}', '"True" is no whole number'),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ProductError) as caught:
        list(read_products(text.splitlines(keepends=True)))
    assert words in str(caught.value)


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(['{"sku": "A"', "}", "sku,price", "A,1", "\n", "[", "]", ",", '"', "\x00"])).map("".join)
)
def test_any_file_gives_products_or_a_reason(text: str) -> None:
    try:
        for each in read_products(text.splitlines(keepends=True)):
            assert each["sku"]
    except ProductError as err:
        assert str(err)


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(WORDS), VALUES))
def test_whatever_is_told_of_a_product_is_one_that_can_be_stored_or_refused(told: dict[str, Any]) -> None:
    try:
        product = Product(**read_product(told))
    except ProductError as err:
        assert str(err)
    else:
        assert product.price is None or 0 <= product.price < 10**13
        assert product.stock is None or 0 <= product.stock <= 10**9


# -- pairs


def test_what_is_ordered_together_is_learnt_with_its_lift(shop: Shop) -> None:
    for skus in [("tea", "cup"), ("tea", "cup"), ("tea", "pot"), ("bag",)]:
        shop.order(*skus)
    shop.learn()
    assert shop.pairs("tea") == [("cup", 2, 1.333, ""), ("pot", 1, 1.333, "")]
    assert shop.pairs("bag") == []
    shop.learn()
    assert shop.pairs("cup") == [("tea", 2, 1.333, "")], "nothing is learnt twice"
    shop.order("tea", "cup", "cup", by="ben@example.org")
    shop.learn()
    assert shop.pairs("cup") == [("tea", 3, 1.25, "")]


def test_an_order_is_learnt_from_once_it_is_settled(shop: Shop) -> None:
    shop.order("tea", "cup")
    shop.desk.write_now(lambda tx: pairs.learn(tx, shop.now))
    assert not shop.desk.read_now(lambda tx: pairs.has_orders(tx, shop.now)) and shop.pairs("tea") == []
    shop.now += pairs.SETTLED
    assert shop.desk.read_now(lambda tx: pairs.has_orders(tx, shop.now))


def test_large_orders_are_learnt_from_in_parts_and_none_is_left_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "PAIRS", 20)
    monkeypatch.setattr(pairs, "SPAN", 7)
    for _ in range(10):
        shop.order(*(f"s{which:02}" for which in range(6)))
    shop.learn()
    assert {together for _, together, _, _ in shop.pairs("s00")} == {10}
    assert len(shop.desk.read_now(lambda tx: all_pairs(tx, 100))) == 15


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 50))
def test_a_lift_is_a_number_whatever_is_known(together: int, one: int, other: int, orders: int) -> None:
    assert lift(together, one, other, orders) >= 0


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["lines", "sku", "x"]), inner),
    )
)
def test_whatever_an_event_holds_its_products_are_texts(data: Any) -> None:
    for each in (data, json.dumps(data), {"lines": data}):
        assert all(isinstance(sku, str) and sku for sku in skus_of(each))


# -- offers


def test_offers_are_pinned_or_lifted_in_stock_and_not_bought_already(shop: Shop) -> None:
    for sku in ("tea", "cup", "pot", "bag", "sieve", "tin"):
        shop.put(sku, name=sku.title(), price=1)
    shop.put("pot", stock=0)
    for _ in range(3):
        shop.order("tea", "cup", "pot", by="ben@example.org")
        shop.order("tea", "tin", by="ben@example.org")
        shop.order("bag", by="ben@example.org")
    ann = shop.order("sieve")
    shop.learn()
    assert shop.offered(ann, "tea") == ["cup", "tin"], (
        "the pot is sold out, the sieve is hers, the bag goes with nothing"
    )
    shop.desk.write_now(lambda tx: set_standing(tx, "tea", "bag", Standing.PINNED))
    shop.desk.write_now(lambda tx: set_standing(tx, "cup", "tea", Standing.BANNED))
    assert shop.offered(ann, "tea") == ["bag", "tin"]
    shop.desk.write_now(lambda tx: set_standing(tx, "tea", "cup", Standing.LEARNT))
    shop.put("pot", stock=1)
    assert shop.offered(ann, "tea") == ["bag", "cup", "pot", "tin"]
    assert shop.offered(shop.order("tin", "cup"), "tea") == ["bag", "pot"]


def test_products_of_a_group_are_offered_after_what_was_learnt(shop: Shop) -> None:
    for sku in ("tea", "assam", "ceylon"):
        shop.put(sku, group="teas")
    ann = shop.order("other")
    assert shop.offered(ann, "tea") == ["assam", "ceylon"]
    for which in range(30):
        shop.put(f"t{which}", group="teas")
    assert len(shop.offered(ann, "tea")) == MOST


FLOW = """\
name: more
title: More
about: What goes with an order.
stream: transactional
trigger: {event: order.placed}
steps:
  - send: more
"""


TEMPLATES = {
    "mail/more.txt.j2": "{% block subject %}More{% endblock %}\n"
    "{% for each in recommended(2) %}{{ each.name }} {{ each.price | number }};{% else %}none{% endfor %}\n",
    "mail/more.html.j2": "<p>{{ recommended() | length }}</p>",
    "mail/more.toml": '[en]\nsubject = "More"\n',
}


async def test_a_mail_offers_what_goes_with_the_order_that_it_is_about(tmp_path: Path) -> None:
    for name, text in TEMPLATES.items():
        file = tmp_path / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    house = FlowHouse(tmp_path, FLOW)
    shop = Shop(house.store)
    for sku in ("tea", "cup", "pot", "tin"):
        shop.put(sku, name=sku.title(), price=2, stock=1)
        if sku != "tea":
            house.store.write_now(lambda tx, sku=sku: set_standing(tx, "tea", sku, Standing.PINNED))  # type: ignore[misc]
    house.tell("order.placed", lines=[{"sku": "tea"}], number="1")
    await house.settle()
    ((content,),) = house.rows("SELECT content FROM body")
    mail = email.message_from_bytes(bytes(content))
    text, html = [bytes(part.get_payload(decode=True)).decode() for part in mail.get_payload()]  # type: ignore
    assert "Cup 2;Pot 2;" in text.translate(dict.fromkeys(range(0x2066, 0x206A))) and "<p>3</p>" in html
    house.store.close()


# -- the commands


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command on an installation of its own; what it printed, after its exit code where that is not 0."""
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load_config(file))
    open_store(tmp_path / "state").close()

    def call(*words: str) -> str:
        code = run([*words])
        out, err = capsys.readouterr()
        return f"{code or ''} {out}{err}".strip()

    return call


def test_products_and_pairs_from_the_command_line(told: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("sku,name,price,currency,stock\ntea,Assam,12.50,EUR,0\ncup,Cup,4,EUR,9\n")
    assert told("product", "import", str(file)) == "2 new products, 0 changed; 0 events"
    file.write_text(file.read_text().replace("EUR,0", "EUR,8"))
    assert told("product", "import", str(file), "--json") == '{"new": 0, "changed": 1, "events": 1}'
    assert told("product", "set", "cup", "--price", "3") == "cup is changed; 1 events"
    assert told("product", "list").splitlines()[0].split() == ["cup", "3", "EUR", "9", "left", "Cup"]
    assert told("pair", "pin", "tea", "cup") == "tea and cup are pinned"
    assert told("pair", "list").split() == ["cup", "tea", "0", "0.00", "pinned"]
    assert json.loads(told("product", "show", "tea", "--json"))["pairs"][0]["standing"] == "pinned"
    assert told("pair", "free", "cup", "tea") == "cup and tea are left to what is learnt" and told("pair", "list") == ""
    assert told("pair", "ban", "cup", "cup").startswith("2 posthouse: a pair is two products")
    assert told("product", "set", "cup", "--price", "cheap").startswith('2 posthouse: price: "cheap" is no price')
    assert json.loads(told("pair", "ban", "tea", "cup", "--json")) == {
        "sku": "tea",
        "other": "cup",
        "standing": "banned",
    }
    assert json.loads(told("pair", "free", "tea", "cup", "--json"))["standing"] == ""
    changed = {"sku": "cup", "new": 0, "changed": 1, "events": 0}
    assert json.loads(told("product", "set", "cup", "--stock", "8", "--json")) == changed
    assert json.loads(told("product", "remove", "tea", "--json")) == {"sku": "tea", "removed": True}
    assert told("product", "remove", "cup") == "cup is gone"
    assert told("product", "show", "cup").startswith("1 posthouse: there is no product cup")


def test_nothing_of_a_file_of_products_with_a_fault_is_taken(told: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "products.jsonl"
    file.write_text('{"sku": "a"}\n{"sku": "b", "price": "x"}\n')
    assert "line 2: price" in told("product", "import", str(file))
    assert told("product", "list") == ""
