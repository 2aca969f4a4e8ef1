"""Why somebody got a mail, and why not: read from what was recorded when it was decided."""
