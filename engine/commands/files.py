"""Files that a command is given: read to a limit, one by one, and a missing one is said without ending the others."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


def read_files(files: Sequence[Path], most: int) -> Iterator[tuple[str, bytes]]:
    """(the name as given, the first `most` octets) of each that can be read. Ends with code 2 if one could not."""
    is_whole = True
    for path in files:
        try:
            if str(path) == "-":
                yield "-", sys.stdin.buffer.read(most)
            else:
                with path.open("rb") as file:
                    yield str(path), file.read(most)
        except OSError as err:
            is_whole = False
            print(f"posthouse: {path} can't be read: {err.strerror}", file=sys.stderr)
    if not is_whole:
        raise SystemExit(2)
