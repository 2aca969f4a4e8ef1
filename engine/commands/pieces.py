"""Options that several commands of a group share: which deliveries, which people. They are written once, in a function that
makes of them the part of a request that says so.
"""

from collections.abc import Callable, Collection
from functools import wraps
from inspect import Parameter, signature
from typing import Any, cast

Command = Callable[..., None]
Piece = dict[str, Any]  # of a request


def taking(name: str, made: Callable[..., Piece], *, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """The command has the options of `made` in the place of its parameter `name`, which gets what `made` makes of them.
    Options that this command is `without` are None to it."""
    options = {each.name: each for each in signature(made).parameters.values() if each.name not in without}

    def dress(command: Command) -> Command:
        @wraps(command)
        def dressed(**given: Any) -> None:
            said = {each: given.pop(each) for each in options}
            command(**given, **{name: made(**said, **dict.fromkeys(without))})

        own = signature(command)
        shown = [one for each in own.parameters.values() for one in (options.values() if each.name == name else [each])]
        asked = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in shown]
        cast(Any, dressed).__signature__ = own.replace(parameters=asked)  # what typer reads
        dressed.__annotations__ = {each.name: each.annotation for each in asked}
        return dressed

    return dress
