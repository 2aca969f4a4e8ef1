"""Handing mail over as an application does: `smtp_host = localhost`, nothing more.

`python -m engine.lab.hand_over --to 127.0.0.1:2525 --orders 20` hands over twenty of the sample shop's orders.
"""

import argparse
import smtplib
import sys
from collections.abc import Iterable

from engine.lab.server import loopback
from engine.lab.shop import SampleShop, ShopMail
from engine.system import SystemClock

_PATIENCE = 60.0


def hand_over(host: str, port: int, mails: Iterable[ShopMail]) -> int:
    """Hand mails over on one connection; how many were taken. smtplib's exceptions and OSError when one is not."""
    taken = 0
    with smtplib.SMTP(host, port, local_hostname="app.shop.example", timeout=_PATIENCE) as smtp:
        smtp.ehlo()
        for mail in mails:
            options = [] if mail.content.isascii() else ["BODY=8BITMIME"]
            if not mail.rcpt_to.isascii():
                options.append("SMTPUTF8")
            smtp.sendmail(mail.mail_from, [mail.rcpt_to], mail.content, options)
            taken += 1
    return taken


def main() -> int:
    """Hand the sample shop's orders over. The exit status."""
    parser = argparse.ArgumentParser(prog="python -m engine.lab.hand_over", description=__doc__)
    parser.add_argument("--to", default="127.0.0.1:2525", help="the submission listener (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=10, help="how many orders (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which orders: the same seed, the same orders")
    parser.add_argument("--what", choices=("order", "shipping", "cart"), default="order", help="which mail about each")
    options = parser.parse_args()
    shop = SampleShop(SystemClock().now(), seed=options.seed)
    make = {"order": shop.order_mail, "shipping": shop.shipping_mail, "cart": shop.cart_mail}[options.what]
    try:
        taken = hand_over(*loopback(options.to), (make(shop.order(number)) for number in range(options.orders)))
    except (OSError, ValueError, smtplib.SMTPException) as error:
        print(f"hand_over: {error}", file=sys.stderr)
        return 1
    print(f"{taken} mails were taken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
