"""Answering HTTP and HTTPS: every page is decided by who asks."""
