"""The staff pages: log-in, today, the breach log, the alerts. They read the database and write next to nothing."""
