"""One message at a time, at a slow and steady pace: how long until the 250, and until the next hop has the dot."""

import smtplib
import socket
import time
from pathlib import Path
from typing import Final

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bench.cells import DOMAINS, Latency, letter
from bench.sinks import StampSink
from bench.targets import Target

RATE: Final = 20  # messages a second
WARMING: Final = 10  # messages that are not counted: they start processes and connections
CHECKED: Final = 20  # signatures that dkimpy is asked about
PATIENCE: Final = 20.0  # seconds for the last to arrive


def measure(kind: type[Target], folder: Path, key: Path, count: int, number: int) -> Latency:
    """Start a target of this kind, send `count` messages through it."""
    with StampSink() as sink, kind(folder, key, sink.port) as target:
        handed, replied = _send(target.port, count + WARMING)
        end = time.monotonic() + PATIENCE
        while len(sink.came) < len(handed) and time.monotonic() < end:
            time.sleep(0.02)
        came, octets = dict(sink.came), list(sink.octets.values())
    signed = [each for each in octets if each.startswith(b"DKIM-Signature:") or b"\nDKIM-Signature:" in each]
    checks = [_is_verified(each, key) for each in signed[-CHECKED:]]
    counted = range(WARMING, count + WARMING)
    return Latency(
        target=target.name, arrivals=[1000 * (came[each] - handed[each]) for each in counted if each in came],
        replies=[1000 * (replied[each] - handed[each]) for each in counted], lost=len(handed) - len(came),
        unsigned=len(octets) - len(signed), verified=f"{sum(checks)}/{len(checks)}", round=number,
    )  # fmt: skip


def _send(port: int, count: int) -> tuple[dict[int, float], dict[int, float]]:
    text = letter(2048).replace("\n", "\r\n")
    handed, replied = {}, {}
    with smtplib.SMTP("127.0.0.1", port, local_hostname="load.bench.example", timeout=30) as client:
        assert client.sock is not None
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.ehlo()
        began = time.perf_counter()
        for each in range(count):
            time.sleep(max(0.0, began + each / RATE - time.perf_counter()))
            handed[each] = time.perf_counter()
            client.sendmail(
                "news@bench.example", [f"r{each}@d{each % DOMAINS}.example"], f"X-Bench-Id: {each}\r\n{text}"
            )
            replied[each] = time.perf_counter()
    return handed, replied


def _is_verified(content: bytes, key: Path) -> bool:
    """Asked of dkimpy, with the key in place of DNS."""
    public = load_pem_private_key(key.read_bytes(), None).public_key()
    lines = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).splitlines()
    record = b"v=DKIM1; k=rsa; p=" + b"".join(lines[1:-1])
    return bool(dkim.verify(content, dnsfunc=lambda *_args, **_kwargs: record))
