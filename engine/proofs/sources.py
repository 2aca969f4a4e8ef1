"""Templates as they were written: a mail's own, and those that they name."""

import re
from collections.abc import Iterator
from typing import Final

from engine.sending.resources import ResourceError, Resources

_NAMED: Final = re.compile(r"\{%-?\s*(?:include|extends|import|from)\s+[\"']([^\"']+\.(?:html|txt)\.j2)[\"']")


def sources(resources: Resources, *files: str) -> Iterator[tuple[str, str]]:
    """(file, text) of these and of all that they name, each once; what can't be read is told by the check of templates."""
    left, seen = list(files), set()
    while left:
        file = left.pop()
        if file in seen:
            continue
        seen.add(file)
        try:
            source = resources.read(file)
        except ResourceError:
            continue
        yield file, source
        left.extend(_NAMED.findall(source))
