"""Sunset: who gets a list's mail for long and does nothing with it; asked once, then taken off."""
