"""The manual page `failover-dns.1`, made from the command line's own parser; needs the development tools."""

from __future__ import annotations

import argparse
from functools import partial

from failover_dns.edge.cli import EXIT_CODES, every_parser, parser

WIDTH = 78
ENVIRONMENT = r"""
.TP
.B FAILOVER_DNS_CONFIG
the configuration, where \fB\-\-config\fR is not given
.TP
.B FAILOVER_DNS_STATE_DIR\fR, \fBFAILOVER_DNS_LOG__LEVEL\fR, ...
go over the configuration's keys of these names
"""
FILES = r"""
.TP
.I /etc/failover\-dns/failover\-dns.toml
the configuration
.TP
.I /var/lib/failover\-dns/changes.jsonl
the change log, unless the configuration says another \fBstate_dir\fR
"""


def manpage() -> str:
    """Return the page in man(7)'s language, without a date: it changes with the command only."""
    # Late, since it is not there where failover-dns is installed; and it has no types.
    from argparse_manpage.manpage import Manpage  # type: ignore[import-untyped]  # noqa: PLC0415

    top = parser()
    for command in every_parser(top):
        command.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=WIDTH)
    description, top.epilog = str(top.description), None
    page = Manpage(top)
    page.description = description[0].lower() + description[1:].rstrip(".")
    page.date, page.manual = "", "failover-dns"
    page.add_section("exit status", ">", f".nf\n{_escaped(EXIT_CODES.partition(chr(10))[2])}.fi")
    page.add_section("environment", ">", ENVIRONMENT.strip())
    page.add_section("files", ">", FILES.strip())
    return str(page)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")
