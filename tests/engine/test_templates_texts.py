"""The catalogues: every language says everything, with the same placeholders; the right one is chosen."""

import re
from pathlib import Path
from typing import Any

import pytest
from mail_shop import ORDER, compose, make_composer, part, person

from engine.sending.checking import mail_names
from engine.sending.direction import FSI, PDI, cut, isolated, set_lines
from engine.sending.render import TemplateFault
from engine.sending.resources import Resources, packaged_folder
from engine.sending.texts import Phrase, TextError, Texts, Words

TEXTS = Texts(Resources())
HEBREW_ORDER = {**ORDER, "currency": "ILS", "lines": [{"name": "קנקן כחול", "price": 189.5, "quantity": 2}]}


def names(words: Words) -> dict[str, frozenset[str]]:
    found = {}
    for key, entry in words.entries.items():
        forms = [entry] if isinstance(entry, Phrase) else list(entry.values())
        found[key] = frozenset().union(*(form.names for form in forms))
    return found


def test_english_and_hebrew_are_there() -> None:
    assert {"en", "he"} <= set(TEXTS.tags)


@pytest.mark.parametrize("tag", [tag for tag in TEXTS.tags if tag != "en"])
def test_every_language_has_every_entry_with_the_same_placeholders(tag: str) -> None:
    assert names(TEXTS.of(tag)) == names(TEXTS.of("en"))


@pytest.mark.parametrize("mail", mail_names(Resources()))
def test_every_mail_is_there_in_every_language_with_the_same_entries_and_placeholders(mail: str) -> None:
    by_language = TEXTS.mail(mail)
    assert sorted(by_language) == TEXTS.tags
    for tag in TEXTS.tags:
        assert names(by_language[tag]) == names(by_language["en"]), tag


@pytest.mark.parametrize("mail", mail_names(Resources()))
def test_plural_entries_have_the_forms_of_their_language_and_no_other(mail: str) -> None:
    for words in TEXTS.mail(mail).values():
        for entry in words.entries.values():
            if not isinstance(entry, Phrase):
                assert set(entry) <= {*words.babel.plural_form.tags, "other"}


@pytest.mark.parametrize(
    ("wanted", "default", "tag", "region"),
    [
        ("he-IL", "en", "he", "he_IL"),
        ("iw", "en", "he", "he_IL"),
        ("HE-il", "en", "he", "he_IL"),
        ("en-GB", "he", "en", "en_GB"),
        ("sw-KE", "he", "he", "he"),
        ("sw", "xx", "en", "en"),
        ("", "en", "en", "en"),
        ("not a tag", "", "en", "en"),
        ("x" * 500, "he", "he", "he"),
    ],
)
def test_the_readers_locale_then_its_parents_then_the_houses_then_english(
    wanted: str, default: str, tag: str, region: str
) -> None:
    words = TEXTS.choose(wanted, default, "mail.confirm")
    assert (words.tag, str(words.babel)) == (tag, region)


def test_dates_and_prices_follow_the_readers_region_and_zone() -> None:
    expires = "2026-03-08T23:30:00+00:00"
    texts = {
        locale: part(compose("confirm", person(locale=locale, zone=zone), expires=expires), "plain")
        for locale, zone in (("en-US", ""), ("en-GB", "Asia/Jerusalem"))
    }
    assert "until March 8, 2026." in texts["en-US"]
    assert "until 9 March 2026." in texts["en-GB"]
    assert "€42.50" in part(compose("order-thanks", person(locale="en-GB")), "plain")


def test_a_russian_date_at_the_end_of_a_sentence_has_one_full_stop() -> None:
    text = part(compose("confirm", person(locale="ru")), "plain")
    assert "до 9 марта 2026\xa0года." in text


@pytest.mark.parametrize(
    ("shop", "signed", "why"),
    [
        ("Blue Teapot", "\nBlue Teapot 团队\n", "您在 Blue Teapot 下了订单。"),
        ("蓝壶", "\n蓝壶团队\n", "您在蓝壶下了订单。"),
        ("蓝壶 Tea", "\n蓝壶 Tea 团队\n", "您在蓝壶 Tea 下了订单。"),
    ],
)
def test_chinese_sets_names_in_latin_letters_off_by_a_space_and_others_not(
    tmp_path: Path, shop: str, signed: str, why: str
) -> None:
    (tmp_path / "brand.toml").write_text(f'name = "{shop}"\n', encoding="utf-8")
    mail = compose("order-thanks", person(locale="zh"), composer=make_composer(tmp_path))
    assert signed in part(mail, "plain")
    assert why in part(mail, "plain") and why in part(mail, "html")


@pytest.mark.parametrize(("count", "said"), [(2, "ההזמנה השנייה שלך"), (3, "כבר 3 הזמנות"), (20, "כבר 20 הזמנות")])
def test_hebrew_counts_one_two_and_many(count: int, said: str) -> None:
    contact = person(locale="he", orders={"count": count})
    assert said in part(compose("order-thanks-gold", contact), "plain")


def test_a_hebrew_mail_runs_right_to_left_in_both_parts() -> None:
    mail = compose("order-thanks", person(locale="he", name="נועה"), event=HEBREW_ORDER)
    html, text = part(mail, "html"), part(mail, "plain")
    assert '<html lang="he" dir="rtl">' in html
    assert 'align="right" class="body ink" style="padding:40px' in html.replace("\n", "")
    assert '<span dir="ltr">BT-1042</span>' in html
    assert mail.subject == f"תודה! הזמנה {FSI}BT-1042{PDI} התקבלה"
    for line in text.splitlines():
        assert not line or "://" in line or re.match("[• ]*[\u0590-\u05ff\u200f]", line), line


def test_isolates_are_closed_on_their_line() -> None:
    for template in ("order-thanks", "cart-reminder", "review-request", "order-thanks-gold"):
        contact = person(locale="he", name=f"Ann {FSI}{FSI}{PDI}")
        mail = compose(template, contact, event={**ORDER, "number": f"7{PDI}\u202e"})
        for line in [mail.subject, *part(mail, "plain").splitlines()]:
            assert line.count(FSI) == line.count(PDI), line


@pytest.mark.parametrize(
    ("value", "direction", "stands"),
    [
        ("BT-1042", "ltr", "BT-1042"),
        ("BT-1042", "rtl", f"{FSI}BT-1042{PDI}"),
        ("נועה", "rtl", "נועה"),
        ("נועה", "ltr", f"{FSI}נועה{PDI}"),
        ("42", "rtl", "42"),
        ("נועה 5%", "rtl", f"{FSI}נועה 5%{PDI}"),
        (f"a{PDI}b\u202ec", "rtl", f"{FSI}abc{PDI}"),
        ("", "rtl", ""),
    ],
)
def test_a_value_is_isolated_where_it_could_turn_its_neighbours(value: str, direction: str, stands: str) -> None:
    assert isolated(value, direction) == stands


def test_lines_that_would_start_the_wrong_way_are_marked_and_links_are_not() -> None:
    text = f"שלום\n• {FSI}Tea{PDI}\nTea\nhttps://shop.example/\n\n12"
    assert set_lines(text, "rtl").split("\n") == [
        "שלום", f"\u200f• {FSI}Tea{PDI}", "\u200fTea", "https://shop.example/", "", "\u200f12",
    ]  # fmt: skip
    assert set_lines("שלום\nTea", "ltr") == "\u200eשלום\nTea"


def test_a_long_subject_is_cut_and_its_isolate_closed() -> None:
    assert cut("short", 10) == "short"
    assert cut(f"{FSI}{'x' * 50}{PDI}", 20) == f"{FSI}{'x' * 17}…{PDI}"
    item = {"name": "Teapot " * 100, "quantity": 1}
    mail = compose("review-request", person(), event={**ORDER, "lines": [item]})
    assert mail.subject.endswith("Teapot…")
    assert len(mail.subject) <= 150


@pytest.mark.parametrize(
    ("catalogue", "why"),
    [
        ("not toml", "xx.toml|fr.toml"),
        ('[web.confirm]\ntitle = "x"\n', "direction"),
        ('[locale]\ndirection = "ltr"\n[web.confirm]\ntitle = "{oops"\n', "web.confirm.title.*brace"),
        ('[locale]\ndirection = "ltr"\n[web.confirm]\ntitle = 7\n', "web.confirm.title.*sentence"),
        ('[locale]\ndirection = "ltr"\n[web.confirm.times]\none = "x"\nother = 3\n', "web.confirm.times.other"),
        ('[locale]\ndirection = "ltr"\n[mail.confirm]\nsubject = "x"\n', "mail/NAME.toml"),
    ],
)
def test_a_wrong_catalogue_says_where(tmp_path: Path, catalogue: str, why: str) -> None:
    (tmp_path / "i18n").mkdir()
    (tmp_path / "i18n" / "fr.toml").write_text(catalogue)
    with pytest.raises(TextError, match=why):
        Texts(Resources([tmp_path]))


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("not toml", "mail/probe.toml: "),
        ('[en]\nsubject = "{oops"\n', r"mail/probe.toml, \[en\]: mail.probe.subject.*brace"),
        ("[en]\nsubject = 7\n", "subject.*sentence"),
        ('[fr]\nsubject = "x"\n', "no language fr: add i18n/fr.toml"),
        ('stream = "fast"\n', 'stream is "fast", but must be marketing or transactional'),
        ("about = 7\n", "about is not a text"),
        ('abuot = "x"\n', "abuot is neither"),
        ("sample = 3\n", "sample is not a table"),
    ],
)
def test_a_wrong_file_of_a_mail_says_where(tmp_path: Path, file: str, why: str) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "probe.toml").write_text(file)
    with pytest.raises(TextError, match=why):
        Texts(Resources([tmp_path])).mail("probe")


FAIR = {"title": "A fair", "starts": "2027-03-12"}
NEEDED = {  # without it the mail says nothing
    "cart-coupon": {"coupon": {"code": "A-1", "expires": None}},
    "event-invitation": FAIR,
    "event-soon": FAIR,
}


@pytest.mark.parametrize("path", sorted((packaged_folder() / "mail").glob("*.j2")), ids=lambda path: path.name)
def test_every_template_has_its_twin_and_renders_with_the_least_facts(path: Path) -> None:
    name, kind, _ = path.name.split(".")
    assert path.with_name(f"{name}.{'txt' if kind == 'html' else 'html'}.j2").exists()
    for locale in TEXTS.tags:
        assert compose(name, person(name="", locale=locale), event=NEEDED.get(name, {})).subject


def test_a_coupon_s_mail_without_its_coupon_is_not_written() -> None:
    with pytest.raises(TemplateFault, match="coupon is not among the facts"):
        compose("cart-coupon", event={})


def test_orders_of_a_strange_shape_are_faults_and_not_crashes() -> None:
    composer = make_composer()
    events: list[dict[str, Any]] = [
        {"lines": "all"},
        {"lines": [1]},
        {"lines": {}},
        {"lines": [{"price": "free"}]},
        {"total": []},
    ]
    for event in events:
        with pytest.raises(TemplateFault):
            compose("order-thanks", composer=composer, event=event)
    named = compose("order-thanks", composer=composer, event={"lines": [{"sku": "T-1"}, {"price": 3}, {"name": 7}]})
    assert "T-1\n  Quantity: 1" in part(named, "plain")
    assert re.search(r"^Item +3\.00$", part(named, "plain"), re.M)
