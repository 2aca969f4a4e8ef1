"""The lab: a small pretended Internet on loopback.

Receiving mail hosts with the moods of real ones, a resolver that knows their names, people who read and click, and a
shop that hands over mail. They speak real SMTP, DNS and HTTP, so what works against them works by the same octets
elsewhere.
Nothing here listens or connects outside 127.0.0.0/8. `python -m engine.lab` runs it as a process of its own;
`engine.lab.server.Lab` runs it inside a test.
"""
