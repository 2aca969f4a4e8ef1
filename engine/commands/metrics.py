"""`posthouse metrics`: all figures, as Prometheus reads them."""

import json

from engine.commands.common import Json, Socket, ask, make_app
from engine.control.protocol.health import MetricsText
from engine.control.protocol.wire import encode

app = make_app("All figures of the daemon, as Prometheus reads them.")


@app.command()
def metrics(socket: Socket = None, as_json: Json = False) -> None:
    """The same that `metrics.listen` serves: for a look, or for node_exporter's folder of text files."""
    found = ask(socket, lambda control: control.get(MetricsText, "/v1/metrics"))
    print(json.dumps(json.loads(encode(found)), ensure_ascii=False) if as_json else found.text, end="")
