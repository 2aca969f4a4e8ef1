"""Keys for a lab's sending domain, and their records in the lab's DNS: what an administrator does by `posthouse domain add`."""

from pathlib import Path

from deliverability.signing.keys import Algorithm, dns_record, generate_key
from engine import keys
from engine.config import Config
from engine.house import ensure_state
from engine.lab import zones
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemClock


def sign_for(config: Config, lab: Path, domain: str) -> None:
    """Make an RSA and an Ed25519 key that sign at once, and publish them in the lab whose state folder this is."""
    ensure_state(config)
    clock = SystemClock()
    store = store_at(config.database_place, clock)
    is_new = not store.exists()
    store.open()
    if is_new:
        store.migrate()
    clock.offset = store.read_now(read_offset)
    made = [generate_key(domain, f"lab{str(each)[0]}", each) for each in Algorithm]
    files = [keys.write_file(config.keys_path, each) for each in made]
    store.write_now(lambda tx: keys.add(tx, list(zip(made, files, strict=True)), clock.now()))
    store.close()
    for each in map(dns_record, made):
        zones.publish(lab, each.name, "TXT", each.value)
