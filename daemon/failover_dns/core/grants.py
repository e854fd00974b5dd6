"""The smallest leave that each zone's server must give our key, in that server's own words.

Only what a plan may change is granted: each name with its types, never a zone, a subtree or every type. What
a server cannot restrict so far is said in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from failover_dns.core.fence import fence_key
from failover_dns.core.model import Key, Pair, Type
from failover_dns.core.plan import writable_keys, zone_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the key `signer` must be allowed to change in one zone; `keys` are sorted and not empty."""

    zone: str
    signer: str
    keys: tuple[Key, ...]

    @property
    def types(self) -> dict[str, tuple[Type, ...]]:
        """The types of each name, both sorted."""
        return {name: tuple(k.type for k in self.keys if k.name == name) for name in self.names}

    @property
    def names(self) -> tuple[str, ...]:
        """The names, sorted."""
        return tuple(sorted({key.name for key in self.keys}))


def smallest(pairs: Iterable[Pair], signers: Mapping[str, str]) -> tuple[Grant, ...]:
    """Return the grant of each zone that a pair may change, sorted; `signers` has each zone's key name.

    Raises UnknownZoneError for a name that lies in none of the zones.
    """
    found: dict[str, set[Key]] = {}
    for pair in pairs:
        own: dict[str, set[Key]] = {}
        for key in writable_keys(pair):
            own.setdefault(zone_for(key.name, frozenset(signers)), set()).add(key)
        for zone, keys in own.items():
            found.setdefault(zone, set()).update(keys, {fence_key(pair.name, zone)} if pair.fence else ())
    return tuple(
        Grant(zone=zone, signer=signers[zone], keys=tuple(sorted(found[zone]))) for zone in sorted(found)
    )


def for_bind(grants: Iterable[Grant]) -> str:
    """Return `update-policy` of named.conf, a rule for each name."""
    return "\n".join(_BIND_HEAD + [line for grant in grants for line in _bind_zone(grant)]) + "\n"


def for_knot(grants: Iterable[Grant]) -> str:
    """Return `acl` and `zone` of knot.conf; a zone has one rule, since one has to allow a whole message."""
    rules: list[str] = []
    zones: list[str] = []
    for grant in grants:
        rule = f"failover-dns-{grant.zone}"
        types = sorted({key.type for key in grant.keys})
        rules += _knot_rule(rule, grant.signer, grant.names, types)
        zones += [f'  - domain: "{grant.zone}"', f"    acl: [{_quoted([rule])}]"]
    return "\n".join([*_KNOT_HEAD, "acl:", *rules, "zone:", *zones]) + "\n"


def for_powerdns(grants: Iterable[Grant]) -> str:
    """Return `pdnsutil` commands for a shell."""
    lines = [
        f"pdnsutil add-meta {grant.zone} {kind} {value}"
        for grant in grants
        for kind, value in (("TSIG-ALLOW-DNSUPDATE", grant.signer), ("ALLOW-DNSUPDATE-FROM", '"$DAEMON"'))
    ]
    return "\n".join([*_POWERDNS_HEAD, *lines]) + "\n"


def for_ad(grants: Iterable[Grant]) -> str:
    """Return `dsacls` commands for the nodes of zones that Active Directory holds."""
    grants = tuple(grants)
    unknown = not all(map(_is_principal, (grant.signer for grant in grants)))
    lines = [_dsacls(grant, name) for grant in grants for name in grant.names]
    return "\n".join([*_AD_HEAD, *(_AD_UNKNOWN if unknown else ()), *lines]) + "\n"


def for_samba(grants: Iterable[Grant]) -> str:
    """Return `samba-tool` commands for a shell on a domain controller."""
    grants = tuple(grants)
    unknown = not all(map(_is_principal, (grant.signer for grant in grants)))
    lines = [line for grant in grants for line in _samba_zone(grant)]
    return "\n".join([*_SAMBA_HEAD, *(_SAMBA_UNKNOWN if unknown else ()), *lines]) + "\n"


def mend(zone: str, name: str, signer: str) -> str:
    """Return how the account `signer` is given a name that another account made."""
    grant = Grant(zone=zone, signer=signer, keys=(Key(name, Type.A),))
    windows = _dsacls(grant, name).replace("%ACCOUNT%", _ACCOUNT).replace("%DOMAIN%", _DOMAIN)
    samba = "; ".join(_samba_zone(grant)).replace("$ACCOUNT", _ACCOUNT_OF_SAMBA).replace("$DOMAIN", _DOMAIN)
    return (
        f"in Active Directory {name} belongs to the account that made it, even once its records are gone: grant it, "
        f"on Windows by `{windows}`, on Samba by `{samba}`; with BIND in update-policy, as `failover-dns grants` tells"
    )


RENDER: Mapping[str, Callable[[Iterable[Grant]], str]] = {
    "bind": for_bind,
    "knot": for_knot,
    "powerdns": for_powerdns,
    "ad": for_ad,
    "samba": for_samba,
}
"""How the grants are written for each kind of server."""

_BIND_HEAD = [
    "// named.conf: update-policy takes the place of allow-update; a zone cannot have both.",
    "// The daemon also reads these zones with the same key: where allow-query is restricted,",
    "// add the key to it.",
]
_KNOT_HEAD = [
    "# knot.conf: add these rules to what the zones have in acl already.",
    "# Reading needs nothing more: a zone answers signed queries of every key that one of its rules names.",
    "# One rule must allow a whole message, so each name here may have each of the types.",
]
_POWERDNS_HEAD = [
    "# pdns.conf: dnsupdate=yes, and allow-dnsupdate-from= with nothing after it, since a zone that has no",
    "# TSIG-ALLOW-DNSUPDATE takes updates without any signature from every address named there.",
    "# PowerDNS cannot restrict a key to names or types this way: it may change the whole zone.",
    "# Only a lua-dnsupdate-policy-script can; docs/servers.md has one. Reading needs nothing more.",
    "# A running server may take a minute to notice (zone-metadata-cache-ttl).",
    "DAEMON=192.0.2.10  # put here the address that the daemon sends from",
]
_AD_HEAD = [
    "rem NOT YET RUN ON WINDOWS: try it in a test domain first.",
    "rem The names must exist. AD keeps all records of a name in one attribute: types cannot be restricted.",
    "rem Reading needs nothing more. A zone that is replicated to the whole forest is in DC=ForestDnsZones.",
]
_ACCOUNT = "EXAMPLE\\failover-dns$"
_ACCOUNT_OF_SAMBA = "failover-dns"
_DOMAIN = "DC=example,DC=test"
_AD_UNKNOWN = [f"set ACCOUNT={_ACCOUNT}", f"set DOMAIN={_DOMAIN}"]
_SAMBA_HEAD = [
    "# On a domain controller, as root. The names must exist: `failover-dns check` makes those that are free.",
    "# AD keeps all records of a name in one attribute: types cannot be restricted. Reading needs nothing more.",
]
_SAMBA_UNKNOWN = [f"ACCOUNT={_ACCOUNT_OF_SAMBA}", f"DOMAIN={_DOMAIN}"]

_DNS_RECORD = "e0fa1e69-9b45-11d0-afdd-00c04fd930c9"
_DNS_TOMBSTONED = "d5eb2eb7-be4e-463b-a214-634a44d7392e"
"""schemaIDGUIDs of the two attributes that an update writes (MS-ADSC)."""


def _bind_zone(grant: Grant) -> Iterator[str]:
    yield f'zone "{grant.zone}" {{'
    yield "    // type, file and the rest stay as they are"
    yield "    update-policy {"
    for name, types in grant.types.items():
        yield f'        grant "{grant.signer}" name "{name}" {" ".join(types)};'
    yield "    };"
    yield "};"


def _knot_rule(rule: str, signer: str, names: Iterable[str], types: Iterable[Type]) -> Iterator[str]:
    yield f'  - id: "{rule}"'
    yield f'    key: "{signer}"'
    yield "    action: update"
    yield "    update-owner: name"
    yield "    update-owner-match: equal"
    yield f"    update-owner-name: [{_quoted(names)}]"
    yield f"    update-type: [{', '.join(types)}]"


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f'"{text}"' for text in texts)


def _is_principal(signer: str) -> bool:
    return "@" in signer and not signer.startswith("/")


def _dsacls(grant: Grant, name: str) -> str:
    known = _is_principal(grant.signer)
    account = grant.signer if known else "%ACCOUNT%"
    where = _node(grant, name, "%DOMAIN%")
    return f'dsacls "{where}" /G "{account}:WP;dnsRecord" "{account}:WP;dNSTombstoned"'


def _samba_zone(grant: Grant) -> Iterator[str]:
    account = grant.signer.partition("@")[0] if _is_principal(grant.signer) else "$ACCOUNT"
    yield f"SID=$(samba-tool user show \"{account}\" --attributes=objectSid | sed -n 's/^objectSid: //p')"
    rights = "".join(f"(OA;;WP;{attribute};;$SID)" for attribute in (_DNS_RECORD, _DNS_TOMBSTONED))
    for name in grant.names:
        yield f'samba-tool dsacl set --objectdn="{_node(grant, name, "$DOMAIN")}" --sddl="{rights}"'


def _node(grant: Grant, name: str, unknown_domain: str) -> str:
    """Return where the directory keeps a name: in the partition of the account's domain, if that is known."""
    realm = grant.signer.partition("@")[2].lower() if _is_principal(grant.signer) else ""
    domain = ",".join(f"DC={label}" for label in realm.split(".")) if realm else unknown_domain
    node = name.removesuffix(grant.zone).removesuffix(".") or "@"
    return f"DC={node},DC={grant.zone.removesuffix('.')},CN=MicrosoftDNS,DC=DomainDnsZones,{domain}"
