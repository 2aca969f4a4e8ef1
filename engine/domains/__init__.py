"""Sending domains: their keys made, looked for in DNS, changed in time; and the records that each domain needs."""
