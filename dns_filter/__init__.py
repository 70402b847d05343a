"""Answering DNS: every name is decided by who asks."""
