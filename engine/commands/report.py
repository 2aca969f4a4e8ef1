"""`posthouse report`: reports that others sent us."""

from engine.commands.common import make_app
from engine.commands.report_read import read

app = make_app("Reports that others sent us.")
app.command()(read)


@app.callback()
def report() -> None:
    """Reports that others sent us: DMARC aggregate reports, TLS reports."""
