"""How our mail is taken: the figures of a day, one index with its parts, and when a figure is an alarm. Pure."""
