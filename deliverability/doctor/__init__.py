"""The doctor: what a sender must publish and keep in order, as rules that are small and declared.

Each rule looks at facts that were collected elsewhere and says pass, warn, fail or unknown, with what was seen and what
to publish. Nothing is looked up here: a rule asks, and what is not known yet is the collector's to find (`look`).
"""
