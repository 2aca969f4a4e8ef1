"""The journal of acts: what operators did, whom it was about, and how it is undone."""
