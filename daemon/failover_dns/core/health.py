"""What a health endpoint answered becomes roles, and how many answers in a row it takes until one counts.

A role is found by the status code, by a JSON pointer, by a regular expression, or as the one word that the
body is; where several are configured, all must agree. Anything else is UNKNOWN, with the reason.

`Counts` says what answers in a row amount to. Moves must stay safe whatever an endpoint does in between, so
the counts are not the same both ways:

    says ONLINE anew            UNKNOWN until it said so `rise` times in a row (SWITCHING stands until then)
    said ONLINE, says OFFLINE   UNKNOWN at once, so that nothing moves there; OFFLINE after `fall` times
    says SWITCHING              at once: it only ever makes a pair hold
    says nothing (UNKNOWN)      the last role stands until the `fall`-th time in a row, but only if nothing
                                else was said since; it keeps the time when it was said, and so gets too old
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import urlsplit

from failover_dns.core.model import Instant, Observation, Role
from failover_dns.core.roles import (
    WORDS,
    Format,
    Reading,
    Word,
    decode,
    extract,
    fold,
    read_word,
    shown,
    unknown,
)
from failover_dns.core.sources import MAX_BYTES

MAX_CHARS_MATCHED = 8 * 1024
"""How long a body a regular expression reads: at worst it takes half the square of it in short steps."""

MAX_CHARS_PATTERN = 256
MAX_ALTERNATIVES = 16
"""Alternatives are all that is left to try in turn, so their number bounds what one place can cost."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the role is found in an answer; with neither status, pointer nor pattern the body is the word.

    `status` gives the role for each status code that has one; without it the status must be `expect_status`.
    `require` gives what must stand in a JSON body besides, by pointer. `pattern` comes from
    `compile_pattern`.
    """

    status: Mapping[int, Role] = field(default_factory=dict)
    pointer: str | None = None
    since_pointer: str | None = None
    pattern: re.Pattern[str] | None = None
    require: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Role] = field(default_factory=lambda: WORDS)
    expect_status: int = 200

    def __post_init__(self) -> None:
        """Refuse rules that can never say anything, or not what they seem to."""
        for code in (*self.status, self.expect_status):
            if not 100 <= code <= 599:  # noqa: PLR2004 - RFC 9110 15
                raise ValueError(f"{code} is not an HTTP status code: they go from 100 to 599")
        for pointer in (self.pointer, self.since_pointer, *self.require):
            Format(pointer=pointer)
        if self.since_pointer is not None and self.pointer is None:
            raise ValueError("since_pointer needs a pointer to the role in the same JSON body")

    @property
    def form(self) -> Format | None:
        """How the body as such is read, if it is."""
        if self.pointer is None and (self.status or self.pattern):
            return None
        return Format(pointer=self.pointer, since_pointer=self.since_pointer, words=self.words)

    @property
    def reads_body(self) -> bool:
        """Whether anything but the status matters."""
        return self.form is not None or self.pattern is not None or bool(self.require)


_PATRONI_WORDS: Mapping[str, Role] = MappingProxyType(
    {
        "primary": Role.ONLINE,
        "master": Role.ONLINE,  # before Patroni 4
        "replica": Role.OFFLINE,
        "standby_leader": Role.OFFLINE,
        "demoted": Role.OFFLINE,
        "uninitialized": Role.OFFLINE,
        "promoted": Role.SWITCHING,
    }
)

_PATRONI_STATUS: Mapping[int, Role] = MappingProxyType({200: Role.ONLINE, 503: Role.OFFLINE})

PRESETS: Mapping[str, Rules] = MappingProxyType(
    {
        # The vendor has no endpoint for it: this is for one's own, with the words of State in DMS.xml.
        "dataminer": Rules(
            words=MappingProxyType(
                {
                    "online": Role.ONLINE,
                    "offline": Role.OFFLINE,
                    "switching": Role.SWITCHING,
                    "going online": Role.SWITCHING,
                    "going offline": Role.SWITCHING,
                    "preparing to go online": Role.SWITCHING,
                    "preparing to go offline": Role.SWITCHING,
                }
            )
        ),
        # What notify scripts are told (keepalived.conf(5)).
        "keepalived": Rules(
            words=MappingProxyType(
                {
                    "master": Role.ONLINE,
                    "backup": Role.OFFLINE,
                    "fault": Role.OFFLINE,
                    "stop": Role.OFFLINE,
                }
            )
        ),
        # GET /primary: 200 with the leader lock, else 503, and the JSON of GET /patroni either way.
        "patroni": Rules(
            status=_PATRONI_STATUS,
            pointer="/role",
            require=MappingProxyType({"/state": "running"}),
            words=_PATRONI_WORDS,
        ),
        # GET /primary, or /standby-leader of a standby cluster, where something in between drops the body.
        "patroni-status": Rules(status=_PATRONI_STATUS),
        # GET /patroni: the role of PostgreSQL itself, whoever has the leader lock.
        "patroni-role": Rules(
            pointer="/role", require=MappingProxyType({"/state": "running"}), words=_PATRONI_WORDS
        ),
    }
)
"""Rules for products, by name. A preset's words replace the built-in table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom an https address is trusted by, and as whom we come; paths of PEM files.

    Without `ca_file` the system's authorities count. `server_name` is the name that the certificate must be
    for, if it is not the one in the address. `insecure` accepts any certificate.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        """Refuse a key without its certificate, and checks that would not be made."""
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file needs cert_file, the certificate that it belongs to")
        if self.insecure and (self.ca_file is not None or self.server_name is not None):
            raise ValueError("insecure = true checks nothing: leave out ca_file and server_name, or it")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSource:
    """A health endpoint: one agent's own, or the pair's, whose body names the online agent.

    `names` gives, for each folded word that the body may hold, the agent that it names; with `names` the
    endpoint is the pair's, else it is `agent`'s own. `headers` holds values that may be secret.
    """

    url: str
    agent: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls = field(default_factory=Tls)
    allow_redirects: bool = False
    interval_s: float = 5.0
    doubtful_s: float = 1.0
    timeout_s: float = 2.0
    rise: int = 1
    fall: int = 3
    max_age_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be asked, or would be told wrongly."""
        parts = urlsplit(self.url)
        if not self.url.startswith(("http://", "https://")) or not parts.hostname or parts.port == 0:
            raise ValueError("url must be http://host… or https://host…, with :port if it is another")
        if parts.username is not None:
            raise ValueError("url must not hold a user or password: give Authorization in header_files")
        if self.tls != Tls() and parts.scheme != "https":
            raise ValueError("certificates have no meaning with http://: write https:// or leave them out")
        if (self.agent is None) is (not self.names):
            raise ValueError("an endpoint is one agent's own or has names, and not both")
        if self.names and self.rules.status:
            raise ValueError("a status code cannot name an agent: the pair's endpoint needs another way")
        self._require_times()

    def _require_times(self) -> None:
        if min(self.interval_s, self.doubtful_s, self.timeout_s) <= 0:
            raise ValueError("interval_s, doubtful_s and timeout_s must be more than 0")
        if min(self.rise, self.fall) < 1:
            raise ValueError("rise and fall must be at least 1")
        if self.stale_after_s < 1.2 * self.interval_s + self.timeout_s:
            raise ValueError(
                "max_age_s must be at least 1.2 * interval_s + timeout_s: looks are that far apart"
            )

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents that the endpoint speaks of."""
        return (self.agent,) if self.agent is not None else tuple(dict.fromkeys(self.names.values()))

    @property
    def stale_after_s(self) -> float:
        """How old a role may be before it says nothing."""
        return 3 * self.interval_s + self.timeout_s if self.max_age_s is None else self.max_age_s

    @property
    def label(self) -> str:
        """The source as observations show it: the address without its query, which may hold a token."""
        return "http " + urlsplit(self.url)._replace(query="", fragment="").geturl()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works, but should be thought over."""
        found = []
        if self.tls.insecure:
            found.append("insecure = true: whoever answers at the address is believed; set ca_file instead")
        if self.headers and self.url.startswith("http:"):
            found.append("header_files are sent in the clear over http://; use https://")
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What asking brought: the status and at most MAX_BYTES + 1 of the body as sent, or a problem."""

    status: int = 0
    body: bytes = b""
    encoding: str = ""
    problem: str | None = None


def observe_http(source: HttpSource, answer: HttpAnswer, *, now: Instant) -> tuple[Observation, ...]:
    """Return one observation for each agent that the endpoint speaks of, from this one answer."""
    return tuple(
        observed(source, agent, reading, read=now) for agent, reading in judge(source, answer).items()
    )


def observed(source: HttpSource, agent: str, reading: Reading, *, read: Instant) -> Observation:
    """Return a reading as an observation."""
    return Observation(
        agent=agent,
        role=reading.role,
        read=read,
        source=source.label,
        reason=reading.reason,
        since_s=reading.since_s,
    )


def judge(source: HttpSource, answer: HttpAnswer) -> Mapping[str, Reading]:
    """Return what one answer says of each agent that the endpoint speaks of."""
    problem = answer.problem or _unfit(source, answer)
    if problem is not None:
        return dict.fromkeys(source.agents, unknown(problem))
    if source.agent is not None:
        return {source.agent: _agreed(list(_readings(source.rules, answer)))}
    return _named(source, [_name(source.names, found) for found in _words(source.rules, answer.body)])


def _unfit(source: HttpSource, answer: HttpAnswer) -> str | None:
    """Return why the answer as a whole cannot be judged."""
    rules = source.rules
    if len(answer.body) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1024} KiB"
    if answer.status not in (rules.status or {rules.expect_status}):
        return _wrong_status(rules, answer.status)
    if rules.reads_body and answer.encoding not in {"", "identity"}:
        return f"its body is compressed ({shown(answer.encoding)}) unasked; switch that off for this address"
    for pointer, wanted in rules.require.items():
        found = extract(answer.body, Format(pointer=pointer))
        if isinstance(found, Reading):
            return found.reason
        if fold(found.word) != fold(wanted):
            return f"it has {shown(found.word)} at {pointer}, not {shown(wanted)}"
    return None


def _wrong_status(rules: Rules, status: int) -> str:
    wanted = " or ".join(map(str, sorted(rules.status))) or str(rules.expect_status)
    hint = " (redirects are not followed: correct url)" if status in REDIRECTS else ""
    return f"its status is {status}, not {wanted}{hint}"


def _readings(rules: Rules, answer: HttpAnswer) -> Iterator[Reading]:
    """Return what each configured way makes of the answer."""
    if rules.status:
        yield Reading(role=rules.status[answer.status], reason=f"its status is {answer.status}")
    for found in _words(rules, answer.body):
        if isinstance(found, Reading):
            yield found
        else:
            yield replace(read_word(found.word, rules.words), since_s=found.since_s)


def _words(rules: Rules, body: bytes) -> Iterator[Word | Reading]:
    """Return the word that each configured way finds in the body, or UNKNOWN with what is wrong."""
    if rules.form is not None:
        yield extract(body, rules.form)
    if rules.pattern is not None:
        yield _match(body, rules.pattern)


def _match(body: bytes, pattern: re.Pattern[str]) -> Word | Reading:
    text = decode(body)
    if text is None:
        return unknown("it is not text in UTF-8 or UTF-16")
    if len(text) > MAX_CHARS_MATCHED:
        return unknown(f"it is longer than the {MAX_CHARS_MATCHED} characters that regex reads")
    group = "role" if "role" in pattern.groupindex else 1
    words = sorted({fold(match[group] or "") for match in pattern.finditer(text)})
    if not words:
        return unknown("nothing in it matches regex (whose repetitions give nothing back)")
    if len(words) > 1:
        return unknown(f"regex finds both {shown(words[0])} and {shown(words[1])}")
    return Word(word=words[0])


def _agreed(readings: list[Reading]) -> Reading:
    for reading in readings:
        if reading.role is Role.UNKNOWN:
            return reading
    said = "; ".join(reading.reason for reading in readings)
    if len({reading.role for reading in readings}) > 1:
        return unknown(f"it contradicts itself: {said}")
    since_s = next((reading.since_s for reading in readings if reading.since_s is not None), None)
    return Reading(role=readings[0].role, reason=said, since_s=since_s)


def _name(names: Mapping[str, str], found: Word | Reading) -> tuple[str, Word] | Reading:
    if isinstance(found, Reading):
        return found
    agent = names.get(fold(found.word))
    return read_word(found.word, {}) if agent is None else (agent, found)


def _named(source: HttpSource, found: list[tuple[str, Word] | Reading]) -> Mapping[str, Reading]:
    named = []
    for name in found:
        if isinstance(name, Reading):
            return dict.fromkeys(source.agents, name)
        named.append(name)
    online, word = named[0]
    if any(agent != online for agent, _ in named):
        return dict.fromkeys(source.agents, unknown("it contradicts itself: it names both agents"))
    return {
        agent: Reading(
            role=Role.ONLINE if agent == online else Role.OFFLINE,
            reason=f"it names {shown(word.word)}",
            since_s=word.since_s,
        )
        for agent in source.agents
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one agent's answers in a row amount to (see the module's table).

    `counted` is the last reading that counted, `said` when it was last said. `contradicted` is whether
    another role has been said since. `role` is the last answer's, `times` how often in a row it came.
    """

    shows: Reading
    read: Instant
    counted: Reading | None = None
    said: Instant
    contradicted: bool = False
    role: Role | None = None
    times: int = 0

    @property
    def settled(self) -> bool:
        """Whether the last answer counts, so that another look can wait."""
        return self.counted is not None and self.counted.role is self.role and not self.contradicted


def not_counted(now: Instant) -> Counts:
    """Return the counts before the first answer."""
    return Counts(shows=unknown("it was not looked at yet"), read=now, said=now)


def count(counts: Counts, reading: Reading, source: HttpSource, *, now: Instant) -> Counts:
    """Return the counts after one more answer, which said `reading`."""
    times = counts.times + 1 if reading.role is counts.role else 1
    needed = _needed(counts, reading.role, source)
    if times >= needed:
        return Counts(shows=reading, read=now, counted=reading, said=now, role=reading.role, times=times)
    contradicted = counts.contradicted or reading.role is not Role.UNKNOWN
    following = replace(counts, contradicted=contradicted, role=reading.role, times=times)
    stands = _stands(following)
    if stands is None:
        doubt = unknown(f"{reading.reason}; what counts is {needed} times in a row, this is time {times}")
        return replace(following, shows=doubt, read=now)
    age_s = now.mono_s - counts.said.mono_s
    why = f"{stands.reason}, {age_s:.1f} s ago; since then ({times} of {needed} times): {reading.reason}"
    return replace(following, shows=replace(stands, reason=why), read=counts.said)


def _needed(counts: Counts, role: Role, source: HttpSource) -> int:
    before = counts.counted.role if counts.counted else None
    if role is before and not counts.contradicted:
        return 1
    match role:
        case Role.ONLINE:
            return source.rise
        case Role.UNKNOWN:
            return source.fall
        case Role.OFFLINE if before is Role.ONLINE:
            return source.fall
        case _:
            return 1


def _stands(counts: Counts) -> Reading | None:
    """Return the role that stands although the last answer did not say it."""
    if counts.counted is None or counts.counted.role is Role.UNKNOWN:
        return None
    waits = counts.counted.role is Role.SWITCHING  # it moves nothing, and no move comes before its end counts
    return counts.counted if waits or not counts.contradicted else None


def aged(reading: Reading, age_s: float, source: HttpSource) -> Reading:
    """Return the reading, or UNKNOWN if it was said too long ago."""
    if age_s <= source.stale_after_s or reading.role is Role.UNKNOWN:
        return reading
    return unknown(
        f"{reading.reason}; that is {age_s:.1f} s old, longer than max_age_s = {source.stale_after_s:g}"
    )


_TOKEN = re.compile(
    r"""(?P<flags>\A\(\?[ims]+\))
      | (?P<group>\((?:\?:|\?P<\w+>)?)
      | (?P<quantifier>(?:[*+?]|\{\d*,\d*\}|\{\d+\})(?P<greed>[+?]?))
      | (?P<character>\\[^0-9]|\[\^?\]?(?:\\.|[^\]\\])*\]|[^|()^$\\])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
"""One element of a regular expression. What begins `(?` and is not known here leaves a `?` after a `(`."""


def compile_pattern(text: str) -> re.Pattern[str]:
    r"""Return a regular expression that cannot be made to search for long; ValueError if it might be.

    `re` keeps the interpreter to itself while it searches, so that no thread or deadline would help. Hence
    only single characters and classes may be repeated, and each repetition takes all that it can and gives
    nothing back, as if written `*+`: `<b>([^<]*)</b>`, not `<b>(.*)</b>`. What then is left to try in turn
    is bounded. The word is the group called `role`, or else the first.
    """
    if len(text) > MAX_CHARS_PATTERN or text.count("|") > MAX_ALTERNATIVES:
        raise ValueError(f"regex is longer than {MAX_CHARS_PATTERN} or has over {MAX_ALTERNATIVES} times |")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # its meaning may change: a nested set
            pattern = re.compile("".join(_possessive(text)))
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise ValueError(f"regex is not a regular expression: {error}") from None
    if not pattern.groups:
        raise ValueError("regex needs a group in parentheses around the word")
    return pattern


def _possessive(text: str) -> Iterator[str]:
    repeatable = False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup if token["greed"] is None else "quantifier"
        if kind == "quantifier":
            if not repeatable:
                raise ValueError(
                    f"regex: {token[0]} at {token.start()} must follow a single character or a class; groups "
                    "cannot be repeated, and only ( , (?: and (?P<name> begin one"
                )
            if token["greed"] == "?":
                raise ValueError(f"regex: {token[0]} at {token.start()}: say what ends it, as in [^<]*")
            yield token[0].removesuffix("+") + "+" if token["greed"] else token[0] + "+"
        elif token[0].startswith("\\") and kind == "other":
            raise ValueError(f"regex: \\ at {token.start()} must be followed by no digit")
        else:
            yield token[0]
        repeatable = kind == "character"
