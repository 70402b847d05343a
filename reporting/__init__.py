"""What happened, who must know, and the pages where people work with it: journal, database, alerts, staff pages."""
