"""The control channel: a local HTTP API of the running daemon, and the commands' way to it.

It hears what walks and the change log tell, and answers from that: nothing of it stands in the way of a switch.
"""
