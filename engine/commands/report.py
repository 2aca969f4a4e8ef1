"""`posthouse report`: what came of mail, and reports that others sent us."""

from engine.commands import report_figures
from engine.commands.common import make_app
from engine.commands.report_day import day
from engine.commands.report_read import read
from engine.commands.report_received import received, sources

app = make_app("What came of mail; reports that others sent us.")
app.command()(day)
app.command()(report_figures.flow)
app.command()(report_figures.campaign)
app.command("list")(report_figures.of_list)
app.command()(report_figures.domain)
app.command()(read)
app.command()(received)
app.command()(sources)


@app.callback()
def report() -> None:
    """What came of mail, and reports that others sent us: DMARC aggregate reports, TLS reports."""
