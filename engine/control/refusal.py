"""The answer to whoever asks for what can't be done."""


class Refusal(Exception):
    """A request that changed nothing: what was wrong, and how to mend it."""

    def __init__(self, error: str, remedy: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error, self.remedy, self.status = error, remedy, status
