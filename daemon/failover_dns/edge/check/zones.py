"""What `check` says of zones at their primaries: whether we are let in, and may change what a switch will change."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from failover_dns.conduct.discover import ZoneBook
from failover_dns.conduct.signing import Negotiated
from failover_dns.conduct.zone import Sitting
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.fence import fence_key
from failover_dns.core.grants import mend
from failover_dns.core.model import Change, Key, Record, RRset, zone_of
from failover_dns.core.outcome import Answer, Said
from failover_dns.core.plan import writable_keys
from failover_dns.edge.check.chain import chain
from failover_dns.edge.findings import Finding
from failover_dns.edge.settings.loaded import Loaded


async def zones(loaded: Loaded, book: ZoneBook) -> AsyncGenerator[Finding, None]:
    """Check every zone that is configured or needed, at each of its primaries."""
    keys = [key for pair in loaded.pairs for key in writable_keys(pair)]
    found, unfound = await book.at(key.name for key in keys)
    for error in unfound.values():
        yield Finding(ok=False, what=error.what, cure=error.cure)
    wanted = _wanted(loaded, keys, frozenset(found))
    let_in: dict[tuple[str, str], bool] = {}
    for name, zone in {**book, **found}.items():
        try:
            sittings = await zone.located()
        except FailoverDnsError as error:
            yield Finding(ok=False, what=f"zone {name}: {error.what}", cure=error.cure)
            continue
        for sitting in sittings:
            async with aclosing(_at(sitting, wanted.get(name, ()), let_in)) as findings:
                async for finding in findings:
                    yield finding


def _wanted(loaded: Loaded, keys: Sequence[Key], found: frozenset[str]) -> Mapping[str | None, list[Key]]:
    """Return what a switch may change, by zone, the fences among it."""
    wanted: dict[str | None, list[Key]] = {}
    for key in keys:
        wanted.setdefault(zone_of(key.name, found), []).append(key)
    for pair in loaded.pairs:
        touched = {zone_of(key.name, found) for key in writable_keys(pair)} if pair.fence else set()
        for where in touched - {None}:
            wanted[where].append(fence_key(pair.name, str(where)))
    return wanted


async def _at(
    sitting: Sitting, wanted: Sequence[Key], let_in: dict[tuple[str, str], bool]
) -> AsyncGenerator[Finding, None]:
    """Check a zone at one primary; an account is let in there once for all zones, which `let_in` remembers."""
    where = f"zone {sitting.zone} at {sitting.primary}"
    if isinstance(sitting.signer, Negotiated):
        at = (sitting.signer.name, str(sitting.primary))
        if at not in let_in:
            async with aclosing(chain(sitting, sitting.signer)) as findings:
                async for finding in findings:
                    let_in[at] = finding.ok
                    yield finding
        elif not let_in[at]:
            yield Finding(
                ok=False, what=f"{where}: not looked at", cure="see what is wrong at this primary above"
            )
        if not let_in[at]:
            return
    for finding in await _primary(sitting, where, wanted):
        yield finding


async def _primary(sitting: Sitting, where: str, wanted: Sequence[Key]) -> list[Finding]:
    answer = await sitting.prove(())
    if answer.said is not Said.DONE:
        what = f"{where}: {answer.rcode or ''} {answer.what}".replace(":  ", ": ")
        return [Finding(ok=False, what=what, cure=answer.cure)]
    who = f"{'account' if sitting.signer.by_server else 'key'} {sitting.signer.name}"
    findings = [Finding(ok=True, what=f"{where}: {who} is accepted")]
    try:
        records = await sitting.read(wanted)
        return [*findings, *[await _granted(sitting, where, records[key], records) for key in wanted]]
    except FailoverDnsError as error:
        return [*findings, Finding(ok=False, what=f"{where}: {error.what}", cure=error.cure)]


async def _granted(sitting: Sitting, where: str, rrset: RRset, records: Mapping[Key, RRset]) -> Finding:
    key = rrset.key
    bare = not any(other.values for other in records.values() if other.key.name == key.name)
    if bare and sitting.signer.by_server:
        answer, may = await _creates(sitting, rrset), "made"
    else:
        answer, may = await sitting.prove_grant(rrset), "changed"
    if answer.said is Said.DONE:
        return Finding(ok=True, what=f"{where}: {key.name} {key.type} may be {may}", cure=answer.cure)
    return Finding(
        ok=False,
        what=f"{where}: {key.name} {key.type} may not be {may}: {answer.rcode or ''} {answer.what}",
        cure=_cure(sitting, key, answer),
    )


async def _creates(sitting: Sitting, rrset: RRset) -> Answer:
    """Prove that the name may be made; ReadError if that could not be read back, and nothing stays of it."""
    answer = await sitting.prove_creation(rrset)
    left = (await sitting.read([rrset.key]))[rrset.key]
    if left.values:  # a server that removes before it adds, whatever stands first
        removes = tuple(Record(left.key, value) for value in left.values)
        await sitting.send(Change(zone=sitting.zone, before=(left,), removes=removes))
    return answer


def _cure(sitting: Sitting, key: Key, answer: Answer) -> str:
    if sitting.signer.by_server and answer.said is Said.DENIED:
        return mend(sitting.zone, key.name, sitting.signer.name)
    return answer.cure
