"""Words of the flow file that can be read and decided, and not yet run: each with what to do meanwhile.

A flow that uses one is refused, since a flow that silently leaves a step out is worse than none. A word is in use as soon
as its line here is gone.
"""

from typing import Final

TOP: Final[dict[str, str]] = {}
TRIGGER: Final[dict[str, str]] = {}
WAIT: Final[dict[str, str]] = {}
STEPS: Final[dict[str, str]] = {}
