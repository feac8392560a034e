"""What the client refuses, each with a stable code."""


class ClientError(Exception):
    """A question, an answer or a proof that does not hold.

    `code` is stable, `message` says what to do next.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class UnansweredChangeError(ClientError):
    """`NODE_UNREACHABLE`: a change that may have been done; under `client_key` its answer waits."""

    def __init__(self, told: ClientError, client_key: str) -> None:
        again = f"{told.message} Then send the change again with client_key={client_key!r}."
        super().__init__(told.code, again)
        self.client_key = client_key
