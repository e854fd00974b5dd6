"""The main path for one pair, and the service that walks it for all."""
