"""The Kerberos accounts that the configuration names, and whether each zone has what its `auth` needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from failover_dns.core.kerberos import FLAGS, Credentials, Flag
from failover_dns.edge.settings import draft as drafts
from failover_dns.edge.settings.draft import AccountDraft, DiscoveryDraft, SettingsDraft, ZoneDraft
from failover_dns.edge.settings.keyfile import read_private
from failover_dns.edge.settings.problems import Finding, Loc, WrongError, key_text, shown

MAX_BYTES = 64 * 1024
"""A keytab of some hundred keys; what is larger is none."""

SOURCES = ("keytab", "ccache", "password_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Kerberos account: what the configuration calls it, its credentials, what its contexts are asked for."""

    name: str
    credentials: Credentials
    flags: tuple[Flag, ...] = FLAGS

    @property
    def principal(self) -> str:
        """Who it is to others, as far as the configuration says."""
        return self.credentials.principal or self.name


OWN = Account(name="the service's own account", credentials=Credentials())
"""Who signs on Windows where no account is named."""


def read_accounts(
    draft: SettingsDraft, environ: Mapping[str, str], *, platform: str
) -> tuple[dict[str, Account], list[Finding]]:
    """Return the accounts by name, and what is wrong with them and their files."""
    accounts: dict[str, Account] = {}
    findings: list[Finding] = []
    for name, account in (draft.accounts or {}).items():
        if account is None:
            continue
        wrong = [*_credentials(("accounts", name), account, platform)]
        wrong += _files(("accounts", name), account, environ, platform)
        if not wrong and all(getattr(account, key) is not None for key in account.model_fields_set):
            accounts[name] = _account(name, account)
        findings += wrong
    return accounts, findings


def check_signing(draft: SettingsDraft, platform: str) -> Iterator[Finding]:
    """Return what is wrong with `auth`, `key` and `account` of zones and of discovery."""
    for at, zone in drafts.zones(draft):
        yield from _signer(at, zone, draft, platform)
    if draft.discovery is not None:
        yield from _signer(("discovery",), draft.discovery, draft, platform)


def _account(name: str, account: AccountDraft) -> Account:
    paths = {source: Path(path) for source in SOURCES if (path := getattr(account, source)) is not None}
    return Account(
        name=name,
        credentials=Credentials(principal=account.principal, **paths),
        flags=tuple(account.flags or FLAGS),
    )


def _credentials(at: Loc, account: AccountDraft, platform: str) -> Iterator[Finding]:
    given = [source for source in SOURCES if account.has(source)]
    if platform == "win32":
        for key in ("principal", *given):
            if account.has(key):
                yield Finding(
                    at=(*at, key),
                    what="is not for Windows, where the service's own account signs",
                    cure="remove it, and run the service as the account that has the grants",
                )
    elif not given:
        yield Finding(
            at=at,
            what="has no credentials",
            cure='add keytab = "/etc/failover-dns/failover.keytab", or ccache, or password_file',
        )
    elif len(given) > 1:
        yield Finding(
            at=(*at, given[1]), what=f"is given beside {given[0]}", cure="keep one of them: it is one account"
        )
    elif given == ["password_file"] and not account.has("principal"):
        yield Finding(
            at=(*at, "principal"),
            what="is missing, and a password does not say whose it is",
            cure='add principal = "failover@EXAMPLE.TEST"',
        )


def _files(at: Loc, account: AccountDraft, environ: Mapping[str, str], platform: str) -> Iterator[Finding]:
    """Look at the files with secrets. A ticket cache may come later: something else keeps it."""
    for key, path in (("keytab", account.keytab), ("password_file", account.password_file)):
        if path is None or platform == "win32":
            continue
        try:
            content = read_private(path, environ, platform=platform, max_bytes=MAX_BYTES)
        except WrongError as error:
            yield Finding(at=(*at, key), what=error.what, cure=error.cure)
        else:
            if not content.strip():
                yield Finding(
                    at=(*at, key),
                    what="the file that it names is empty",
                    cure="export the keytab anew" if key == "keytab" else "write the password into it",
                )


def _signer(
    at: Loc, table: ZoneDraft | DiscoveryDraft, draft: SettingsDraft, platform: str
) -> Iterator[Finding]:
    if table.auth == "gss":
        if table.has("key"):
            yield Finding(
                at=(*at, "key"),
                what='is a TSIG key, and auth is "gss"',
                cure='remove it, or write auth = "tsig"',
            )
        yield from _account_of(at, table, draft, platform)
    elif table.auth == "tsig" and table.has("account"):
        yield Finding(
            at=(*at, "account"),
            what='is a Kerberos account, and auth is "tsig"',
            cure='write auth = "gss" without a key, or remove it',
        )
    elif table.auth == "tsig" and not table.has("key"):
        yield Finding(
            at=(*at, "key"),
            what="is missing",
            cure='add key = "failover-key", or auth = "gss" with its account',
        )


def _account_of(
    at: Loc, table: ZoneDraft | DiscoveryDraft, draft: SettingsDraft, platform: str
) -> Iterator[Finding]:
    names = sorted(draft.accounts or {})
    others = f", or name one of {', '.join(map(shown, names))}" if names else ""
    if table.account is not None and table.account not in names and draft.accounts is not None:
        yield Finding(
            at=(*at, "account"),
            what=f"{shown(table.account)} is not defined",
            cure=f"add {key_text(('accounts', table.account)).join('[]')}{others}",
        )
    elif not table.has("account") and platform != "win32":
        yield Finding(
            at=(*at, "account"),
            what='is missing, and auth is "gss"',
            cure=f'add account = "dns" with its [accounts.dns]{others}',
        )
