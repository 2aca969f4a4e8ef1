"""api.md: the HTTP interface, out of the description that it gives of itself."""

from collections.abc import Iterator
from typing import Any, Final

from docs.written.parts import MARK, sentence, table
from engine.web.openapi import document

_API: Final = """\
# The HTTP interface

For applications that would rather speak HTTP than [hand over mail](applications.md): events, contacts, products and
flows as JSON, at the address of the public web ([web.md](web.md); a web server in front speaks TLS:
[neighbours](neighbours.md#nginx)). `GET /v1/openapi.json` describes it (OpenAPI 3.1), written from what checks each
request.

    sudo -u posthouse posthouse token add shop --scope events --scope contacts --scope flows --rate 600
    sudo -u posthouse posthouse token list
    sudo -u posthouse posthouse token remove shop

A token is shown once; only its hash is kept. It is for its scopes, has its rate (requests a minute), and a token that was
removed is refused at the next request.

```sh
curl https://mail.shop.example/v1/events \\
  -H "Authorization: Bearer ph_..." -H "Content-Type: application/json" -H "Idempotency-Key: order-A-1" \\
  -d '{"name": "order.placed", "address": "ann@example.org", "data": {"number": "A-1", "total": 42.5}}'
```

is answered `201 {"id": 17}`. The same [from PHP, Python, Node and Ruby](#from-programs).

**An event** has a name of [events.md](events.md), or one of your own; none that Posthouse alone makes. A second event
with the same `idempotency_key` is answered `200 {"repeat": true}`, whoever tells it and by whatever way.

**A contact**: what is left out stays; an empty text, or `null` in `fields`, takes away; what is told overwrites. `201`
for somebody new, `200` otherwise. Being written down is no consent: nobody gets marketing mail by it. Somebody whose
data was erased is written down anew, too: the answer has a `warning`, and marketing mail to them stays stopped. Nobody
new is written down, here or by an event, whose address is made to look like another (`/address`: letters of another
script).

**Products** ([catalogue.md](catalogue.md)): what is left out stays. The answer says how many are `new`, how many others
`changed`, and how many `events` followed (a price that fell, a product that is back, or nearly gone).

**A flow is begun** for an address, with data that it sees as `event`:

```sh
curl https://mail.shop.example/v1/flows/apology/start \\
  -H "Authorization: Bearer ph_..." -H "Content-Type: application/json" -H "Idempotency-Key: ticket-T-7" \\
  -d '{"address": "ann@example.org", "data": {"ticket": "T-7"}}'
```

`201 {"run": 31}`: they are in it; with `"held_out": true` they belong to its holdout, and that run is over. `200 {"run": 31,
"renewed": true}`: they were in it with this run key, and that run has the newer data. The flow's own `where`, `reentry` and
holdout are asked: where it lets nobody in, `409` says why in the words of [reasons.md](reasons.md), nothing was changed,
and the same `Idempotency-Key` may be sent again later. Of a paused flow they wait at the first step. Any flow that is not
archived can be begun so, whatever its trigger ([by hand](flows/trigger-manual.md)).

**Sending again.** A request with an `Idempotency-Key` (1 to 200 visible characters) that was answered 200 or 201 is answered
the same for 24 hours, with `Idempotent-Replayed: true`, and does nothing; the answer is kept in the commit that did what was
asked. The same key with another body is refused with 422. So whatever happens on the way, send the same again.

**What is wrong** is said all at once, as a problem (RFC 9457), each with a JSON pointer into the body; nothing was changed:

```json
{"type": "about:blank", "title": "Unprocessable Entity", "status": 422,
 "detail": "the body is not taken; nothing was changed",
 "errors": [{"pointer": "/address", "detail": "..."}, {"pointer": "/fields/size", "detail": "..."}]}
```

## Requests

"""
_DESCRIPTION: Final = ("`GET /v1/openapi.json`", "Describe all of this.", "")
_ANSWERS: Final = """
## Answers

Again: whether the same request may succeed later, unchanged.

"""
_AGAIN: Final = {"408": "yes", "409": "later, perhaps", "429": "after `Retry-After`", "503": "yes"}
_BEYOND: Final = {
    "404": "No such path, or no such flow that can be entered.",
    "405": "Another method: `Allow` says which.",
}
_PROGRAMS: Final = """
## From programs

Each was run as it stands, with PHP 8.2 (and its curl), Python 3.11, Node 20 and Ruby 3.1, against a daemon of the same machine. A
request that brings no answer, or one that may be sent again, is sent again with the same key.

```php
<?php
$request = curl_init("http://127.0.0.1:8025/v1/events");
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => ["Authorization: Bearer " . getenv("POSTHOUSE_TOKEN"), "Content-Type: application/json",
                           "Idempotency-Key: order-A-1"],
    CURLOPT_POSTFIELDS => json_encode(["name" => "order.placed", "address" => "ann@shop.lab",
                                       "data" => ["number" => "A-1", "total" => 42.5]]),
]);
echo curl_exec($request);
```

```python
import json
import os
import urllib.request

told = urllib.request.Request(
    "http://127.0.0.1:8025/v1/events",
    data=json.dumps(
        {"name": "order.placed", "address": "ann@shop.lab", "data": {"number": "A-2", "total": 42.5}}
    ).encode(),
    headers={
        "Authorization": f"Bearer {os.environ['POSTHOUSE_TOKEN']}",
        "Content-Type": "application/json",
        "Idempotency-Key": "order-A-2",
    },
)
with urllib.request.urlopen(told, timeout=60) as answer:
    print(answer.status, answer.read().decode())
```

```js
const answer = await fetch("http://127.0.0.1:8025/v1/events", {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.POSTHOUSE_TOKEN}`,
    "Content-Type": "application/json",
    "Idempotency-Key": "order-A-3",
  },
  body: JSON.stringify({ name: "order.placed", address: "ann@shop.lab", data: { number: "A-3", total: 42.5 } }),
});
console.log(answer.status, await answer.json());
```

```ruby
require "json"
require "net/http"

answer = Net::HTTP.post(
  URI("http://127.0.0.1:8025/v1/events"),
  JSON.generate(name: "order.placed", address: "ann@shop.lab", data: { number: "A-4", total: 42.5 }),
  "Authorization" => "Bearer #{ENV.fetch("POSTHOUSE_TOKEN")}", "Content-Type" => "application/json",
  "Idempotency-Key" => "order-A-4"
)
puts answer.code, answer.body
```
"""


def api() -> str:
    said = document("https://mail.shop.example")
    schemas = said["components"]["schemas"]
    posts = {path: each["post"] for path, each in said["paths"].items()}
    rows = [_row(path, post) for path, post in posts.items()]
    parts = [MARK, _API, table(("path", "what it does", "scope"), [*rows, _DESCRIPTION])]
    for path, post in posts.items():
        parts.append(f"\n### {path.removeprefix('/v1/').replace('{flow}', 'NAME')}\n\n")
        parts += _fields(schemas[_name_of(post)], schemas)
    return "".join([*parts, _ANSWERS, _done(schemas["Done"]), "\n", _statuses(posts.values()), _PROGRAMS])


def _row(path: str, post: dict[str, Any]) -> tuple[str, str, str]:
    written = path.replace("{flow}", "NAME")
    return f"`POST {written}`", sentence(post["summary"]), f"`{path.split('/')[2]}`"


def _name_of(post: dict[str, Any]) -> str:
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    return str(schema["$ref"]).rpartition("/")[2]


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    must = set(schema.get("required", ()))
    rows = [
        (f"`{name}`", _kind(each, schemas), "must" if name in must else "", sentence(each.get("description", "")))
        for name, each in schema["properties"].items()
    ]
    yield table(("field", "kind", "", "what it says"), rows)
    for each in schema["properties"].values():
        below = each.get("items", {}).get("$ref", "").rpartition("/")[2]
        if below:
            yield "\nEach of them:\n\n"
            yield from _fields(schemas[below], schemas)


def _kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = dict.fromkeys(_kind(each, schemas) for each in schema["anyOf"] if each.get("type") != "null")
        return " or ".join(kinds)
    words = {
        "string": "text",
        "object": "object",
        "array": "list",
        "integer": "whole number",
        "boolean": "true or false",
    }
    kind = {"date-time": "time", "email": "address"}.get(
        schema.get("format", ""), words.get(schema.get("type", ""), "number")
    )
    limits = [("maxLength", f"{kind}, at most {{}} characters"), ("maxItems", f"{kind}, at most {{}}")]
    return next((text.format(schema[key]) for key, text in limits if key in schema), kind)


def _done(schema: dict[str, Any]) -> str:
    rows = [(f"`{name}`", sentence(each.get("description", ""))) for name, each in schema["properties"].items()]
    return table(("in 200 and 201", "what it says"), rows)


def _statuses(posts: Any) -> str:
    """Each status with what it is for; what only some requests are answered with is said with each."""
    said: dict[str, dict[str, None]] = {}
    for post in posts:
        for code, each in post["responses"].items():
            said.setdefault(code, {})[each["description"]] = None
    said |= {code: {words: None} for code, words in _BEYOND.items()}
    rows = [
        (f"`{code}`", _AGAIN.get(code, "" if code < "300" else "no"), " ".join(words))
        for code, words in sorted(said.items())
    ]
    return table(("status", "again?", "when"), rows)
