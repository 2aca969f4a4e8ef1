"""7 Mail: what the canned daemon says of it. The words are hostile where strangers write them: names, subjects, addresses."""

import hashlib
from collections.abc import Mapping
from typing import Any

from canned_day import NOW
from scene import Scene

from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.mails import (
    MailFileText,
    MailFinding,
    MailFindings,
    MailLanguage,
    MailProof,
    MailRow,
    Mails,
    MailSheet,
    TemplateFile,
)

_TAGS = ("en", "he", "ru", "zh", "zh-Hant")
ROWS = (
    MailRow("cart-coupon", "Reminds of a cart, with a code.", "marketing", "cart.updated", _TAGS, ("abandoned-cart",)),
    MailRow("cart-reminder", "Reminds of a cart that was left.", "marketing", "cart.updated", _TAGS, ("abandoned-cart",),
            ("mail/cart-reminder.toml",)),
    MailRow("confirm", "Asks whether somebody wants a list's mail.", "transactional", "", _TAGS, ("confirm",)),
    MailRow("order-thanks", "Thanks for an order.", "transactional", "order.placed", _TAGS, ("order-confirmed",)),
    MailRow("newsletter", "Evil \x1b[31m\x1b]52;c;aGk=\x07 [/foo] [@click=app.quit]x[/]", "marketing", "", ("en", "he")),
    MailRow("spring", "", "", own=("mail/spring.toml",), fault="mail/spring.toml: Expected '=' (at line 4, column 9)"),
)  # fmt: skip
_LANGUAGES = (
    MailLanguage("en", "English", "ltr"), MailLanguage("he", "עברית", "rtl"), MailLanguage("ru", "Русский", "ltr"),
    MailLanguage("zh", "简体中文", "ltr"), MailLanguage("zh-Hant", "繁體中文", "ltr"),
)  # fmt: skip
_SAID: Mapping[str, tuple[str, str, str]] = {
    "en": ("Your cart is waiting", "Everything is just as you left it.",
           "Your cart is waiting\n\nHello Ann Archer,\n\nBlue teapot, 1.2 l           €42.50\n\nBack to your cart:\n"
           "https://shop.example/cart/1042\n\nWith kind regards,\nthe team at The Blue Teapot"),
    "he": ("העגלה שלך עדיין כאן", "הכול נשאר בדיוק כפי שהשארת.",
           "העגלה שלך מחכה\n\nשלום נועה לוי,\n\nקנקן תה כחול, 1.2 ליטר        189.00 ₪\n\nבחזרה לעגלה:\n"
           "https://shop.example/cart/1042\n\nבברכה,\nצוות The Blue Teapot"),
    "ru": ("Ваша корзина ждёт вас", "Всё осталось так, как вы оставили.",
           "Корзина ждёт\n\nЗдравствуйте, Анна!\n\nСиний чайник, 1,2 л         3 900,00 ₽\n\nВернуться в корзину:\n"
           "https://shop.example/cart/1042\n\nС уважением,\nкоманда «The Blue Teapot»"),
    "zh": ("您的购物车还在等您", "一切都保留着您离开时的样子。",
           "购物车还在等您\n\n李娜，您好！\n\n蓝色茶壶 1.2 升           ¥328.00\n\n回到购物车：\n"
           "https://shop.example/cart/1042\n\n此致\nThe Blue Teapot团队"),
    "zh-Hant": ("您的購物車還在等您", "一切都保留著您離開時的樣子。",
                "購物車還在等您\n\n林怡君，您好！\n\n藍色茶壺 1.2 公升         $1,380.00\n\n回到購物車：\n"
                "https://shop.example/cart/1042\n\n此致\nThe Blue Teapot團隊"),
}  # fmt: skip
FILES = {
    "mail/cart-reminder.toml": (
        'about = "Reminds of a cart."\n\n[en]\nsubject = "Your cart is waiting"\n\n[he]\nsubject = "העגלה שלך"\n'
    ),
    "mail/cart-reminder.html.j2": (
        '{% extends "base/mail.html.j2" %}\n{% block content %}\n<p class="small">{{ t("lead") }}</p>\n{% endblock %}\n'
    ),
    "mail/cart-reminder.txt.j2": '{% extends "base/mail.txt.j2" %}\n{% block content %}{{ t("lead") }}{% endblock %}\n',
}
FINDINGS = (
    MailFinding("quotes", "mail/cart-reminder.toml", 7, "mail/cart-reminder.toml [he]",
                'subject has quotation marks that he does not use: "'),
    MailFinding("links", "mail/cart-reminder.html.j2", 0, "cart-reminder (en, usual)",
                "line 41: http://shop.example/ is not encrypted: write https"),
)  # fmt: skip


def digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _mails(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    titles = (
        ("abandoned-cart", "Abandoned cart"),
        ("confirm", "Double opt-in"),
        ("order-confirmed", "Order confirmed"),
    )
    shared = (TemplateFile("brand.toml", True), TemplateFile("base/mail.html.j2"), TemplateFile("i18n/he.toml"))
    return Mails(NOW, ROWS, titles, shared, "/etc/posthouse/templates", "en")


def _mail(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    name = words["name"]
    row = next((each for each in ROWS if each.name == name), None)
    if row is None:
        return Refused(f"there is no mail {name}", "`posthouse mail list` lists them")
    files = tuple(
        TemplateFile(f"mail/{name}{part}", f"mail/{name}{part}" in row.own) for part in (".toml", ".html.j2", ".txt.j2")
    )
    diff = (
        "--- posthouse/mail/cart-reminder.toml", "+++ /etc/posthouse/templates/mail/cart-reminder.toml", "@@ -3,2 +3,2 @@",
        " [en]", '-subject = "You left something behind"', '+subject = "Your cart is waiting"',
    ) if row.own else ()  # fmt: skip
    return MailSheet(NOW, name, row.about, row.stream, row.event, _LANGUAGES, row.flows, files, diff)


def _proof(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    tag, address = query.get("locale", "en"), query.get("address", "")
    if address and address != "dana@shop.example":
        return Refused(f"{address} is no contact", "`posthouse contact list` lists them")
    language = next(each for each in _LANGUAGES if each.tag == tag)
    reader = address or query.get("reader", "usual")
    head = (NOW, words["name"], tag, language.name, language.direction, reader, "marketing")
    if words["name"] == "spring":
        return MailProof(
            *head, fault="nothing is not among the facts, in {{ nothing }}", file="mail/spring.html.j2", line=12
        )
    subject, preheader, text = _SAID[tag]
    html = f"<!doctype html><html><body>{text}</body></html>"
    return MailProof(*head, "hello@shop.example", subject, preheader, text, html, 31_204)


def _findings(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return MailFindings(NOW, words["name"], FINDINGS if words["name"] == "cart-reminder" else ())


def _file(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    name = query["file"]
    if name not in FILES:
        return Refused(f"there is no {name}", "")
    path = f"/etc/posthouse/templates/{name}"
    return MailFileText(NOW, name, FILES[name], digest(FILES[name]), name.endswith(".toml"), True, path)


def _saved(body: Mapping[str, Any]) -> object:
    faults = [
        {"file": body["file"], "line": 2, "problem": "contct is nothing that a mail is given (did you mean contact?)"}
    ]
    found = faults if "contct" in body["source"] else []
    judged = f"{len(found)} fault" if found else "all right"
    undo = {"path": "mail/drop", "body": {"file": body["file"]}}
    facts = {"faults": found, "digest": digest(body["source"]), "act": 12, "undo": undo}
    return Done(f"{body['file']} is kept: {judged}; what is sent stays as it is until `posthouse reload`", facts)


def _tested(body: Mapping[str, Any]) -> object:
    return Done(
        f"{body['mail']} ({body.get('locale')}, {body.get('reader')}) goes to {body['address']}", {"message": 7}
    )


ANSWERS = {
    "/v1/mails": _mails,
    "/v1/mails/{name}": _mail,
    "/v1/mails/{name}/proof": _proof,
    "/v1/mails/{name}/findings": _findings,
    "/v1/mail-file": _file,
}
ACTS = {"mail/save": _saved, "mail/test": _tested}
SCENES = (
    Scene("mail", ("7", "j", "j"), "what for"),
    Scene("mail-hebrew", ("7", "j", "j", "enter", ">"), "עברית · usual"),
    Scene("mail-chinese", ("7", "j", "j", "enter", "<"), "繁體中文 · usual"),
    Scene("mail-lint", ("7", "j", "j", "enter", "f"), "2 found"),
    Scene("mail-diff", ("7", "j", "j", "enter", "d"), "+subject"),
    Scene("mail-editor", ("7", "j", "j", "enter", "e", "l", "enter"), "{% block content %}"),
)
