"""How our mail is taken: figures by day from what was written down anyway, one index, and alarms."""
