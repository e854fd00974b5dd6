"""DNS messages without sockets: plans become updates, answers become judgements."""
