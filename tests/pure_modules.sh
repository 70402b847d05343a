#!/bin/sh
# The modules that decide and nothing else: no clock, no file, no socket. They are covered wholly, branches too.
echo "blocklists/alias.py,blocklists/domain.py,blocklists/clients.py,blocklists/parse.py,blocklists/sealed.py,blocklists/snapshot.py,blocklists/url.py,blocklists/entry.py,blocklists/calendar.py,blocklists/profile.py,blocklists/rulebook.py,blocklists/policy.py,blocklists/verdict.py,dns_filter/reply.py,dns_filter/wire.py,dns_filter/answer.py,dns_filter/cache.py,dns_filter/reasons.py,dns_filter/rebinding.py"
