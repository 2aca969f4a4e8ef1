"""Reports: what came of the mail of a flow, a campaign, a list or to a domain, counted from what was written down."""
