"""A whole school on loopback: its own nameserver, web sites and mail server, and clients of every age."""
