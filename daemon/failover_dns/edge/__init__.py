"""Where people and the operating system meet the daemon: settings, logs, command line."""
