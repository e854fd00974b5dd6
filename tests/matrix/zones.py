"""What the matrix's servers serve besides the usual zones: more of each kind, and RFC 2317's delegation."""

from __future__ import annotations

from tests.servers.zones import ZONES

OTHER = "other.test."
REVERSE30 = "30.10.10.in-addr.arpa."
REVERSE6 = "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
PARENT = "20.10.10.in-addr.arpa."
CLASSLESS = "0-63.20.10.10.in-addr.arpa."

MATRIX_ZONES = {
    **ZONES,
    OTHER: """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
dma-backup IN A 10.10.30.2
dma-backup IN TXT "not ours"
""",
    REVERSE30: """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
2 IN PTR dma-backup.other.test.
""",
    PARENT: """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
0-63 IN NS ns.example.test.
1 IN CNAME 1.0-63
5 IN CNAME 5.0-63
""",
    CLASSLESS: """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
1 IN PTR dma-main.example.test.
5 IN PTR dma-main.example.test.
""",
}
