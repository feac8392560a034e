"""What the security room refuses, each with a stable code."""


class SecurityError(Exception):
    """Base of the room's errors.

    `code` is stable, `message` says what to do next and names nobody's data.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class SignatureError(SecurityError):
    """A question's signature is refused."""


class KeyEnrolledError(SecurityError):
    """A public key that another caller has: whoever signs with it could be either."""

    def __init__(self) -> None:
        super().__init__("KEY_ENROLLED", "Make a key of its own: another caller has this one.")


class KeyFileError(SecurityError):
    """A key file cannot be read, is of the wrong form, or is open to others."""


class ReplayedError(SecurityError):
    """The question's nonce was used before."""

    def __init__(self) -> None:
        super().__init__("REPLAYED", "Sign the question again with a fresh nonce.")


class LogUnavailableError(SecurityError):
    """The access could not be recorded, so nothing may be answered."""

    def __init__(self, message: str = "The access log cannot be written: ask again later.") -> None:
        super().__init__("LOG_UNAVAILABLE", message)


class LogError(SecurityError):
    """A transparency log is broken or is used against its rules."""
