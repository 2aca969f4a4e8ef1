"""What this machine does in its own right, so that figures of different machines can be told apart."""

import os
import platform
import sqlite3
import sys
import time
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SECONDS: Final = 1.0  # for each figure
_ROW: Final = "INSERT INTO body (content) VALUES (?)"


def calibrate(folder: Path) -> dict[str, float]:
    """Operations a second of one thread, by name. `folder` lies on the disk that will be measured."""
    figures = {"RSA-2048 signatures/s": _signatures(), "Python loop, million rounds/s": _loop()}
    for group in (1, 10, 100):
        figures[f"SQLite FULL, 2 KiB rows/s, {group} a commit"] = _rows(folder, group)
    return figures


def machine() -> str:
    """What the figures were measured on."""
    return (
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}, Linux {platform.release()}, Python"
        f" {sys.version.split()[0]}"
    )


def calibration(folder: Path) -> str:
    """All of it in a line, for what prints few figures."""
    signatures, rounds, *rows = calibrate(folder).values()
    return (
        f"machine: {machine()}; {signatures:.0f} signatures/s, {rounds:.0f} million rounds of a loop/s, rows/s at 1, 10, 100"
        f" a commit: {', '.join(f'{each:.0f}' for each in rows)}"
    )


def _signatures() -> float:
    key = rsa.generate_private_key(65537, 2048)
    end, count = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        key.sign(b"x" * 400, padding.PKCS1v15(), hashes.SHA256())
        count += 1
    return count / SECONDS


def _loop() -> float:
    end, count = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        for _ in range(100_000):
            count += 1
    return count / SECONDS / 1e6


def _rows(folder: Path, group: int) -> float:
    path = folder / f"calibration-{group}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = full")
        connection.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, content BLOB)")
        rows = [(b"x" * 2048,)] * group
        end, count = time.perf_counter() + SECONDS, 0
        while time.perf_counter() < end:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_ROW, rows)
            connection.execute("COMMIT")
            count += group
        return count / SECONDS
    finally:
        connection.close()
        for each in folder.glob(path.name + "*"):
            each.unlink()
