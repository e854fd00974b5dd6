"""The zones that the tests' servers start with, as master file text (RFC 1035 5)."""

from __future__ import annotations

ZONES = {
    "example.test.": """
$TTL 60
@ 3600 IN SOA ns hostmaster 1 3600 600 86400 30
@ 3600 IN NS ns
ns IN A 192.0.2.53
dma-main IN A 10.10.10.1
dma-main IN A 10.10.10.5
dma-main IN AAAA 2001:db8::1
dma-backup IN A 10.10.10.2
alias IN CNAME dma-main
note IN TXT "Two  words" "second string"
deep.below IN A 10.10.10.9
""",
    "10.10.10.in-addr.arpa.": """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
1 IN PTR dma-main.example.test.
2 IN PTR dma-backup.example.test.
5 IN PTR dma-main.example.test.
""",
    "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.": """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 IN PTR dma-main.example.test.
""",
}
