"""Laws are checked on a busy machine too: a slow disk or a slow core is no broken law, so no example has a deadline."""

from hypothesis import settings

settings.register_profile("schoolgate", deadline=None)
settings.load_profile("schoolgate")
