"""An authoritative server in the process, for trying out and for tests."""
