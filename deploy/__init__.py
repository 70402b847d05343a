"""The `schoolgate` command: first set-up, supervision, firewall, self-checks and the demo school."""
