from __future__ import annotations

import subprocess
import sys


def test_the_demo_shows_a_switch_and_a_repair_and_every_table_is_right() -> None:
    command = [sys.executable, "-m", "failover_dns.sandbox.demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert "drift" in done.stdout
