"""What every process of the daemon needs, made once before the first fork: what is made there all share, and what each made
for itself each would keep for itself."""

import gc
from contextlib import suppress
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deliverability.bounces.classify import shipped_rules
from engine.doctor.gathering import sample
from engine.sending.compose import Composer
from engine.sending.render import TemplateFault
from engine.system import give_back_memory
from engine.web.pages import Pages


def make_common(composer: Composer, now: datetime) -> None:
    """Make it, and let nobody look through it for garbage any more: a page that is not written to stays shared. `composer`
    compiles what the front office needs of it: the doctor's sample and the style of the pages."""
    shipped_rules()  # 5 MiB are touched to read and compile them
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    load_pem_private_key(key, None)  # the first that is read, whichever, brings 2 MiB of OpenSSL's tables
    Pages(composer)
    with suppress(TemplateFault):
        sample(composer, now, bytes(16))
    gc.collect()
    give_back_memory()
    gc.freeze()
