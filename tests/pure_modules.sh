#!/bin/sh
# The modules that decide and nothing else: no clock, no file, no socket. They are covered wholly, branches too.
paste -s -d , <<'MODULES'
blocklists/address.py
blocklists/alias.py
blocklists/calendar.py
blocklists/clients.py
blocklists/domain.py
blocklists/endpoint.py
blocklists/entry.py
blocklists/parse.py
blocklists/policy.py
blocklists/profile.py
blocklists/rulebook.py
blocklists/sealed.py
blocklists/snapshot.py
blocklists/url.py
blocklists/verdict.py
dns_filter/answer.py
dns_filter/cache.py
dns_filter/reasons.py
dns_filter/rebinding.py
dns_filter/reply.py
dns_filter/shares.py
dns_filter/wire.py
MODULES
