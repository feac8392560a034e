"""What the client refuses, each with a stable code."""


class ClientError(Exception):
    """A question, an answer or a proof that does not hold.

    `code` is stable, `message` says what to do next.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
