"""The configuration: one TOML file, variables over it, secrets from files; strict, and told all at once."""
