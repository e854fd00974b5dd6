"""What can go wrong that the caller must tell apart; each message says what, where and what to do next."""

from __future__ import annotations

from typing import ClassVar


class FailoverDnsError(Exception):
    """The base of every error of ours: `what` happened and `cure`, what an operator can do about it."""

    exit_code: ClassVar[int] = 1
    """What a command that ends by this error exits with (sysexits.h where it has a word for it)."""

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(f"{what}; {cure}" if cure else what)
        self.what = what
        self.cure = cure


class UnsentError(FailoverDnsError):
    """A primary could not be reached: nothing was sent, so another may be tried."""


class SilentError(FailoverDnsError):
    """A primary was sent a message and gave no whole answer: it may or may not have acted on it."""


class ReadError(FailoverDnsError):
    """Records could not be read; nothing may be concluded about them."""


class JournalError(FailoverDnsError):
    """The change log cannot be written, so nothing may be changed."""
