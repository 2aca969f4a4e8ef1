"""Lint: every rule is turned red by a mail of its own, and by no other; what ships is green; previews of made readers."""

import sys
from pathlib import Path

import pytest

from engine.proofs.finding_place import place_of
from engine.proofs.hidden import hidden
from engine.proofs.latin import has_own_letters
from engine.proofs.linting import judged, lint
from engine.proofs.proving import Prover
from engine.proofs.rules import RULES
from engine.proofs.samples import Reader, event_data
from engine.proofs.scripts import strange_words
from engine.proofs.spam import Judge, SpamTrouble, score
from engine.sending.checking import mail_names
from engine.sending.render import SHEET
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings

TOML = """\
about = "A probe."
stream = "marketing"
[en]
subject = "A word from us"
preheader = "It takes a minute."
heading = "Hello again"
lead = "There is something new in the shop, and we think that you will like it."
[en.days]
one = "{count} day"
other = "{count} days"
[he]
subject = "מילה מאיתנו"
preheader = "זה לוקח דקה."
heading = "שוב שלום"
lead = "יש משהו חדש בחנות, ואנחנו חושבים שזה יתאים."
[he.days]
one = "יום אחד"
two = "יומיים"
other = "{count} ימים"
[ru]
subject = "Пара слов от нас"
preheader = "Это займёт минуту."
heading = "Снова здравствуйте"
lead = "В магазине появилось кое-что новое, и мы думаем, что вам понравится."
[ru.days]
one = "{count} день"
few = "{count} дня"
many = "{count} дней"
other = "{count} дня"
[zh]
subject = "我们想对您说"
preheader = "只需一分钟。"
heading = "又见面了"
lead = "店里来了新品，我们觉得您会喜欢。"
[zh.days]
other = "{count} 天"
[zh-Hant]
subject = "我們想對您說"
preheader = "只需一分鐘。"
heading = "又見面了"
lead = "店裡來了新品，我們覺得您會喜歡。"
[zh-Hant.days]
other = "{count} 天"
"""
HTML = """\
{% extends "base/mail.html.j2" %}
{% from "base/parts.html.j2" import greeting, paragraph, sign_off %}
{% block content %}
{{ greeting(contact) }}
{{ paragraph(t("lead")) }}
{{ paragraph(t("days", count=2)) }}
{{ sign_off() }}
{% endblock %}
"""
TEXT = HTML.replace(".html.", ".txt.").replace(
    "{% block content %}", '{% block subject %}{{ t("subject") }}{% endblock %}\n{% block content %}'
)


def prover(folder: Path, toml: str = TOML, html: str = HTML, text: str | None = TEXT, brand: str = "") -> Prover:
    (folder / "mail").mkdir(exist_ok=True)
    (folder / "mail" / "probe.toml").write_text(toml)
    (folder / "mail" / "probe.html.j2").write_text(html)
    if text is not None:
        (folder / "mail" / "probe.txt.j2").write_text(text)
    if brand:
        (folder / "brand.toml").write_text(brand)
    return Prover(Resources([folder]))


def rules(prover: Prover) -> set[str]:
    return {each.rule for each in lint(prover, ["probe"])}


def within(line: str) -> str:
    return HTML.replace("{{ sign_off() }}", f"{line}\n{{{{ sign_off() }}}}")


@pytest.fixture(scope="module")
def ours() -> Prover:
    """What ships; what all mails are made with is compiled once."""
    return Prover(Resources())


@pytest.mark.parametrize("mail", mail_names(Resources()))
def test_every_mail_that_ships_is_clean_for_every_made_reader_in_every_language(ours: Prover, mail: str) -> None:
    assert [str(each) for each in lint(ours, [mail])] == []
    assert len([each for each in ours.proofs(mail) if each.composed]) == len(Reader) * len(ours.texts.tags)


def test_a_whole_mail_is_green(tmp_path: Path) -> None:
    assert rules(prover(tmp_path)) == set()


BAD_PAGES = {
    "unsubscribe": "<html dir=\"{{ dir }}\"><title>x</title><p>" + "word " * 30
    + "{% for line in shop.postal_lines %}{{ line }} {% endfor %}</p></html>",
    "links": within('<a class="link" href="http://shop.example/">x</a>'),
    "links ": within('<a class="link" href="#">x</a>'),
    "links  ": within('<a class="link" href="https://[x">x</a>'),
    "active": within('<p onclick="buy()">x</p>'),
    "css": within('<p style="position:absolute">x</p>'),
    "css ": within("<video>x</video>"),
    "css  ": within('<p style="width:calc(100% - 2px)">x</p>'),
    "size": within("{% for n in [1, 2, 3, 4, 5, 6] %}{{ '" + "x " * 10_000 + "' }}{% endfor %}"),
    "images": within('<img src="https://shop.example/x.png" width="10">'),
    "images ": within('<img src="https://shop.example/x.png" alt="x">'),
    "images  ": within('<img src="x.png" alt="x" width="10">'),
    "contrast": within('<p style="color:#aaaaaa">pale</p>'),
    "sides": within('<p style="padding-left:3px">x</p>'),
    "tags": within("<p>x"),
    "direction": within('<p style="text-align:{{ \'left\' }}">x</p>'),
    "template": within("{{ nothing }}"),
    "template ": within('{{ t("nokey") }}'),
    "facts": within("{{ data.nothing }}"),
    "address": HTML.replace("{% block content %}", "{% block content %}{% set shop = 1 %}"),
}  # fmt: skip


@pytest.mark.parametrize("rule", [each for each in BAD_PAGES if each != "address"])
def test_a_page_s_rule_is_turned_red_by_its_own_mail_and_by_nothing_else(tmp_path: Path, rule: str) -> None:
    assert rules(prover(tmp_path, html=BAD_PAGES[rule])) == {rule.strip()}


def test_our_own_pages_without_encryption_are_told_in_one_line_and_not_of_each_mail(tmp_path: Path) -> None:
    html = within('<a class="link" href="http://shop.example/">x</a>')
    at = Prover(prover(tmp_path, html=html).resources, base_url="http://127.0.0.1:8025")
    first, *others = [str(each) for each in lint(at, ["probe", "confirm", "cart-help"])]
    assert first == (
        "posthouse.toml: links: links to our own pages begin with http://127.0.0.1:8025/, which is not encrypted:"
        " say in web.base_url by which https address readers reach them"
    )
    assert others and all("http://shop.example/ is not encrypted" in each for each in others), (
        "nobody else's are left out"
    )


HELD = "readers take it out, and filters hold such mail back"
RUNS = "no reader of mail runs it"


@pytest.mark.parametrize(
    ("html", "rule", "problem"),
    [
        ("<script>x()</script>", "active", f"<script> is not for mail: {HELD}"),
        ('<iframe src="https://shop.example/"></iframe>', "active", f"<iframe> is not for mail: {HELD}"),
        ("<object></object>", "active", f"<object> is not for mail: {HELD}"),
        ('<form action="https://shop.example/"></form>', "active", f"<form> is not for mail: {HELD}"),
        ('<p {% if contact.name %}onClick="{{ data.x | default("") }}"{% endif %}>x</p>', "active",
         f"onclick= in <p> is a program: {RUNS}, and filters hold such mail back"),
        ('<a class="link" href=" Java&#10;Script:x()">x</a>', "active",
         f'"Java Script:x()" is a program and no address: {RUNS}'),
        ('<img src="x" alt="" width="10">', "images",
         'a picture is at "x", which is nothing that a reader of mail can fetch: write its whole address, https://...'),
        ('<img src="data:image/png;base64,AAAA" alt="" width="10">', "images",
         'a picture is at "data:image/png;base64,AAAA", which most readers of mail do not show: write its whole address, https://...'),
        ('<meta http-equiv="Refresh" content="0;url=https://shop.example/">', "active",
         f'<meta http-equiv="refresh"> goes elsewhere by itself: {HELD}'),
        ('<img src="https://shop.example/x.png" srcset="https://shop.example/y,1.png 1x, y.png 2x" alt="" width="10">', "images",
         'a picture is at "y.png", which is nothing that a reader of mail can fetch: write its whole address, https://...'),
        ('\x1b<p>x</p>', "characters", "it has the control character U+001B, which no reader of mail shows: take it out"),
        ('<p>&#8238;x</p>', "characters", "it has U+202E, which turns the direction of all that follows: close it with U+202C"),
    ],
)  # fmt: skip
def test_what_no_reader_of_mail_runs_or_shows_is_told_once_with_its_line_in_the_file_that_has_it(
    tmp_path: Path, html: str, rule: str, problem: str
) -> None:
    at = prover(tmp_path, html=within('{% include "mail/part.html.j2" %}'))
    (tmp_path / "mail" / "part.html.j2").write_text(f"<p>one</p>\n{{# two\nthree #}}{html}\n")
    assert [str(each) for each in lint(at, ["probe"])] == [f"mail/part.html.j2:3: {rule}: {problem} (in probe)"]


def test_what_is_wrong_with_a_part_is_told_once_with_the_mails_that_include_it(tmp_path: Path) -> None:
    at = prover(tmp_path, html=within('{% include "mail/part.html.j2" %}'))
    (tmp_path / "mail" / "part.html.j2").write_text('<img src="x" alt="" width="10">')
    names = ["probe", "probe-b", "probe-c", "probe-d", "probe-e"]
    for name in names[1:]:
        for kind in ("toml", "html.j2", "txt.j2"):
            (tmp_path / "mail" / f"{name}.{kind}").write_text((tmp_path / "mail" / f"probe.{kind}").read_text())
    for asked, of in ((names, "probe, probe-b, probe-c and 2 more"), (names[3:], "probe-d, probe-e")):
        (found,) = lint(at, asked)
        assert found.where == "mail/part.html.j2:1" and found.problem.endswith(f"https://... (in {of})")


NOT_SHOWN = "which most readers of mail do not show: write its whole address, https://..."


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("<div>\n<p>x</p>", ["mail/probe.html.j2:7: tags: <div> is not closed"]),
        ("\n</b>", ["mail/probe.html.j2:8: tags: </b> closes nothing"]),
        ("<b><i>x</b></i>", ["mail/probe.html.j2:7: tags: <i> is not closed", "mail/probe.html.j2:7: tags: </i> closes nothing"]),
        ("{% if is_marketing %}<b>{% endif %}\nx</b>", []),
        ("{% if not is_marketing %}<b>{% endif %}\nx</b>", ["probe (en, usual): tags: line 46: </b> closes nothing"]),
        ("{% if lang == 'he' %}<b>{% endif %}\nx</b>{% if lang != 'he' %}</b>{% endif %}",
         ["mail/probe.html.j2:8: tags: </b> closes nothing"]),
        ('<p>\n<span style="background:url(\'data:image/png;base64,AAAA\')">x</span></p>',
         [f'mail/probe.html.j2:8: css: a style has a picture at "data:image/png;base64,AAAA", {NOT_SHOWN}']),
        ("<style>/* one\n*/ p { color: #111111 }\n@import url(https://shop.example/a.css);</style>",
         ["mail/probe.html.j2:9: css: @import is not drawn by Gmail, Outlook on Mac, Outlook.com and 4 more: write its rules into"
          " the sheet itself"]),
        ("<style>.a { background: URL( x.png ) } .b { fill: url(#b) } .c { background: url({{ shop.url }}x.png) }</style>",
         ['mail/probe.html.j2:7: css: a style has a picture at "x.png", which is nothing that a reader of mail can fetch: write'
          " its whole address, https://..."]),
    ],
)  # fmt: skip
def test_what_is_left_open_and_what_a_style_takes_from_elsewhere_is_told_with_its_line(
    tmp_path: Path, html: str, told: list[str]
) -> None:
    assert [str(each) for each in lint(prover(tmp_path, html=within(html)), ["probe"])] == told


def test_a_sheet_that_takes_another_one_is_told_once_for_all_mails(tmp_path: Path) -> None:
    ours = Resources().read(SHEET)
    (tmp_path / "base").mkdir()
    (tmp_path / SHEET).write_text(f'/* mine */\n@import "https://shop.example/a.css";\n{ours}', encoding="utf-8")
    (found,) = lint(prover(tmp_path), ["probe"])
    assert (found.where, found.rule, found.problem[:7]) == (f"{SHEET}:2", "css", "@import")


def test_a_break_of_a_line_in_a_subject_is_a_space_and_nothing_to_be_told(tmp_path: Path) -> None:
    text = TEXT.replace('{{ t("subject") }}', '\r\n{{ t("subject") }}\nBcc: {{ data.name }}\r')
    at = prover(tmp_path, TOML + '[sample]\nname = "a\\r\\nBcc: b"\n', text=text)
    assert [str(each) for each in lint(at, ["probe"])] == []
    made = at.proof("probe", "en").composed
    assert made and made.subject == "A word from us Bcc: a Bcc: b"


def test_an_element_that_one_reader_takes_out_is_told_in_whole_words(tmp_path: Path) -> None:
    (found,) = lint(prover(tmp_path, html=within("<input>")), ["probe"])
    assert found.problem.endswith("<input> is not for mail: it is taken out by Outlook on Windows")


TURNS = "which turns the direction of all that follows: close it with"
UNSEEN = "which no reader of mail shows: take it out"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\tb\r\n\u200fc\u200d\ufeff", []),
        ("a\x00\n\x07\x07\x85", [(1, f"the control character U+0000, {UNSEEN}"), (2, f"the control character U+0007, {UNSEEN}"),
                                (2, f"the control character U+0085, {UNSEEN}")]),
        ("\u202ea\u202c \u2068\u202bb\nc\u2069", []),
        ("a\n\u202eb\u2069 \u2067c\u202c", [(2, f"U+202E, {TURNS} U+202C"), (2, f"U+2067, {TURNS} U+2069")]),
    ],
)  # fmt: skip
def test_characters_that_nobody_sees_are_found_with_their_line(text: str, found: list[tuple[int, str]]) -> None:
    assert list(hidden(text)) == found


def test_what_nobody_sees_in_words_or_in_a_text_is_told_with_its_line(tmp_path: Path) -> None:
    toml = TOML.replace('"Hello again"', '"Hello \\u202eagain"').replace('"שוב שלום"', '"שוב\\u0007 שלום"')
    (tmp_path / "i18n").mkdir()
    (tmp_path / "i18n" / "zh.toml").write_text('[web.confirm]\ntitle = "还差\\u0000"\n', encoding="utf-8")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "part.txt.j2").write_text("one\n\u202e\n")
    text = TEXT.replace("{{ sign_off() }}", '{% include "mail/part.txt.j2" %}\n{{ sign_off() }}')
    at = prover(tmp_path, toml, text=text)
    assert [str(each) for each in lint(at, ["probe"])] == [
        f"i18n/zh.toml:2: characters: web.confirm.title has the control character U+0000, {UNSEEN}",
        f"mail/probe.toml:6 [en]: characters: heading has U+202E, {TURNS} U+202C",
        f"mail/probe.toml:14 [he]: characters: heading has the control character U+0007, {UNSEEN}",
        f"mail/part.txt.j2:2: characters: it has U+202E, {TURNS} U+202C (in probe)",
    ]


def test_what_only_one_language_s_facts_bring_is_told_with_the_language(tmp_path: Path) -> None:
    toml = TOML + '[sample]\nimage = "https://shop.example/a.png"\n[sample.he]\nimage = "a.png"\n'
    at = prover(tmp_path, toml, within('<img src="{{ data.image }}" alt="x" width="10">'))
    (found,) = lint(at, ["probe"])
    assert (found.rule, found.where) == ("images", "probe (he, usual)")


def test_a_mail_without_the_postal_address_or_without_its_text_is_red(tmp_path: Path) -> None:
    bare = "{% block subject %}x y z{% endblock %}{{ links.unsubscribe }}"
    assert rules(prover(tmp_path, text=bare)) == {"address"}
    (tmp_path / "mail" / "probe.txt.j2").unlink()
    assert rules(prover(tmp_path, text=None)) == {"template"}


BAD_WORDS = {
    "keys": ('heading = "שוב שלום"\n', 'heading = "שוב שלום"\nmore = "עוד"\n'),
    "keys ": ('one = "{count} day"\n', 'one = "{cuont} day"\n'),
    "plurals": ('two = "יומיים"\n', ""),
    "plurals ": ('few = "{count} дня"\n', 'few = "{count} дня"\ntwo = "{count} дня"\n'),
    "language": ('"Снова здравствуйте"', '"Hello again"'),
    "language ": ('"又见面了"', '"又 see you 见面了"'),
    "language  ": ('"{count} ימים"', '"{count} days"'),
    "quotes": ('"又見面了"', '"“又”見面了"'),
    "preview": ('preheader = "It takes a minute."', 'preheader = "A word from us"'),
    "subject": ('subject = "A word from us"', 'subject = "A WORD FROM US"'),
    "subject ": ('subject = "A word from us"', f'subject = "{"A word " * 14}"'),
    "template": ("[ru]\n", "[ru\n"),
    "template ": ('about = "A probe."', "about = 7"),
}


@pytest.mark.parametrize("rule", sorted(BAD_WORDS))
def test_a_rule_of_words_is_turned_red_by_its_own_mail_and_by_nothing_else(tmp_path: Path, rule: str) -> None:
    assert TOML.count(BAD_WORDS[rule][0]) == 1
    assert rules(prover(tmp_path, toml=TOML.replace(*BAD_WORDS[rule]))) == {rule.strip()}


def test_words_that_the_brand_avoids_and_a_brand_that_is_hard_to_read_are_told(tmp_path: Path) -> None:
    assert rules(prover(tmp_path, brand='[voice]\navoid = ["something new"]\n')) == {"voice"}
    assert rules(prover(tmp_path, brand='[logo]\nimage = "gone.png"\n')) == {"brand"}


@pytest.mark.parametrize(
    ("tag", "sentence", "left"),
    [
        ("zh", "店里来了新品 Click here，我们觉得您会喜欢。", "Click, here"),
        ("zh", "请扫描 PDF 或发 SMS，重 2 kg，详见 https://shop.example/new 或 hello@shop.example。", ""),
        ("he", "בלחיצה על unsubscribe הכול נעצר.", "unsubscribe"),
        ("he", "כבל USB-C באורך 2 m, במידה XL.", ""),
        ("ru", "Загляните к нам on Monday.", "on, Monday"),
        ("ru", "Мы есть и в Instagram.", ""),
    ],
)
def test_english_within_a_sentence_is_told_and_names_units_and_addresses_are_not(
    tmp_path: Path, tag: str, sentence: str, left: str
) -> None:
    before = {"zh": "店里来了新品，我们觉得您会喜欢。", "he": "יש משהו חדש בחנות, ואנחנו חושבים שזה יתאים.",
              "ru": "В магазине появилось кое-что новое, и мы думаем, что вам понравится."}[tag]  # fmt: skip
    brand = '[voice]\nkeep = ["Instagram"]\n'
    found = list(lint(prover(tmp_path, toml=TOML.replace(before, sentence), brand=brand), ["probe"]))
    told = f"mail/probe.toml [{tag}]: language: lead has words in Latin letters: {left} (names that stay so: voice.keep"
    told += " in brand.toml)"
    assert list(map(str, found)) == ([told] if left else [])


def test_a_language_in_latin_letters_of_its_own_is_not_asked_for_others() -> None:
    asked = ("he", "ru", "zh", "zh-Hant", "ja", "sr", "sr-Latn", "en", "fr", "pt-BR", "xx")
    assert [tag for tag in asked if has_own_letters(tag)] == ["he", "ru", "zh", "zh-Hant", "ja", "sr"]


def test_words_that_all_mails_have_are_looked_at_too_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "i18n").mkdir()
    (tmp_path / "i18n" / "zh.toml").write_text('[web.confirm]\ntitle = "还差 one step"\n', encoding="utf-8")
    at = prover(tmp_path)
    (found,) = lint(at, ["probe"])
    assert (found.rule, place_of(at.resources, "probe", found)) == ("language", ("i18n/zh.toml", 2))


def test_every_rule_has_a_mail_that_turns_it_red() -> None:
    told = {each.strip() for each in (*BAD_PAGES, *BAD_WORDS)}
    assert told >= set(RULES)


PROGRAM = """\
#!{python}
import re, sys
for mail in reversed(sys.stdin.buffer.read().split(b"From lint@localhost")[1:]):  # SpamAssassin keeps no order
    number, subject = (re.search(name + b": (.*)", mail)[1] for name in (b"X-Posthouse-Lint", b"Subject"))
    print("From lint@localhost\\nX-Spam-Status: No, score={points} required=5.0 tests=HTML_MESSAGE,\\n\\tFONT_INVIS")
    print(f"X-Posthouse-Lint: {{int(number)}}\\nSubject: {{subject.decode()}}\\n")
"""


def spam_program(folder: Path, points: str) -> Judge:
    path = folder / "spamassassin"
    path.write_text(PROGRAM.format(points=points, python=sys.executable))
    path.chmod(0o755)
    return Judge("spamassassin", str(path))


def test_points_for_spam_are_told_with_their_rules(tmp_path: Path) -> None:
    found = list(lint(prover(tmp_path), ["probe"], spam_program(tmp_path, "1.7")))
    assert {each.rule for each in found} == {"spam"}
    assert "spamassassin gives it 1.7 points (wanted: under 1.0): HTML_MESSAGE, FONT_INVIS" in str(found[0])
    assert list(lint(prover(tmp_path), ["probe"], spam_program(tmp_path, "-0.1"))) == []


def test_each_mail_has_the_points_that_were_given_to_it_whatever_the_order_of_the_answers(tmp_path: Path) -> None:
    judge = spam_program(tmp_path, "0.{int(number)}")
    judge_path = Path(judge.path)
    judge_path.write_text(judge_path.read_text().replace('print("From', 'print(f"From'))
    points = [each.points for each in score(judge, [b"Subject: %d\r\n\r\nx\r\n" % each for each in range(5)])]
    assert points == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_mail_that_is_judged_is_signed_and_of_no_domain_of_our_examples(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()
    found = judged(Prover(Resources()), ["cart-help"], spam_program(tmp_path / "program", "0.0"))
    assert len(found) == 5 and all("shop.example" not in each.composed.text for each, _ in found if each.composed)
    proof = Prover(Resources(), MailSettings(sender="Tea <tea@haus.test>")).proof("cart-help", "en")
    assert "https://haus.test/cart/1042" in proof.html


def test_what_was_and_is_cheaper_is_said_of_a_price_drop_alone() -> None:
    assert "was" in event_data("en", "product.price_dropped")
    assert all("was" not in event_data("en", f"product.{each}") for each in ("viewed", "back_in_stock", "low_stock"))


def test_a_program_that_does_not_answer_is_trouble_in_words(tmp_path: Path) -> None:
    with pytest.raises(SpamTrouble, match="told of 0 mails, but was given 1"):
        score(Judge("spamassassin", "/bin/true"), [b"x"])
    with pytest.raises(SpamTrouble):
        score(Judge("rspamc", str(tmp_path / "none")), [b"x"])


@pytest.mark.parametrize(
    ("tag", "sentence", "found"),
    [
        ("en", "Your \u0441art is here, \u05e9\u05dc\u05d5\u05dd", ["\u0441art", "\u05e9\u05dc\u05d5\u05dd"]),
        ("ru", "Ваша корзина ждёт, 您好", ["您好"]),
        ("he", "\u05e9\u05dc\u05d5\u05dd, Привет", ["Привет"]),
        ("zh-Hant", "您的购物车还在", ["购", "车还"]),
        ("zh-TW", "请完成", ["请"]),
        ("zh", "您的購物車", ["購", "車"]),
        ("zh", "您的购物车还在，Привет", ["Привет"]),
        ("ja", "買い物を続ける", []),
        ("uk", "Ваш кошик чекає", []),
        ("fr", "Votre panier vous attend, été", []),
        ("en", "From Привет with love", []),
    ],
)
def test_letters_of_another_language_are_found_and_names_that_are_kept_are_not(
    tag: str, sentence: str, found: list[str]
) -> None:
    assert strange_words(tag, sentence, ("Привет",) if not found else ()) == found
