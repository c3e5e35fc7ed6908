"""A real XMPP client that does as it is told: one JSON object a line on standard input, one a line
on standard output for each, in the order in which they finish.

    {"id": 1, "do": "login",  "user": "alice", "password": "secret"}
    {"id": 2, "do": "change", "user": "alice", "password": "secret", "new": "other"}
    {"id": 3, "do": "probe",  "user": "alice", "password": "secret", "to": "bob"}

Its one argument is the port on 127.0.0.1. Every answer has the request's "id", the "outcome" (
"success" or the server's error condition) and the "seconds" that the authentication took.
"""

import asyncio
import json
import ssl
import sys
import time

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

DOMAIN = "example.com"
PATIENCE = 60


class Client(ClientXMPP):
    """One session: signs in, does one thing, and leaves."""

    def __init__(self, port, request):
        super().__init__(f"{request['user']}@{DOMAIN}", request["password"], sasl_mech="PLAIN")
        self.request = request
        self.port = port
        self.outcome = self.loop.create_future()
        self.began = self.ended = time.monotonic()
        self.register_plugin("xep_0077")
        self.register_plugin("xep_0199")
        # The certificate is the test's own, and so is the network.
        self.ssl_context = ssl.create_default_context()
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for event, handler in (
            ("tls_success", self.on_tls),
            ("auth_success", self.on_answer),
            ("failed_auth", self.on_failure),
            ("failed_all_auth", self.on_no_mechanism),
            ("session_start", self.on_session),
            ("connection_failed", lambda reason: self.finish("connection failed")),
            ("disconnected", lambda reason: self.finish("disconnected")),
        ):
            self.add_event_handler(event, handler)

    def finish(self, outcome):
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def on_tls(self, _):
        self.began = time.monotonic()

    def on_answer(self, _):
        self.ended = time.monotonic()

    def on_failure(self, stanza):
        self.ended = time.monotonic()
        self.finish(stanza["condition"])

    def on_no_mechanism(self, _):
        self.finish("no mechanism")

    async def on_session(self, _):
        try:
            self.finish(await getattr(self, self.request["do"])())
        except IqError as error:
            self.finish(error.condition)
        except IqTimeout:
            self.finish("timeout")

    async def login(self):
        return "success"

    async def change(self):
        await self.plugin["xep_0077"].change_password(self.request["new"], timeout=PATIENCE)
        return "success"

    async def probe(self):
        """Whether a message to somebody is accepted; the server bounces one to nobody."""
        message = self.make_message(f"{self.request['to']}@{DOMAIN}", "hello", mtype="chat")
        bounced = self.loop.create_future()
        self.add_event_handler("message_error", bounced.set_result)
        message.send()
        try:
            return (await asyncio.wait_for(bounced, self.request["wait"]))["error"]["condition"]
        except asyncio.TimeoutError:
            return "success"

    async def run(self):
        self.connect(address=("127.0.0.1", self.port))
        try:
            outcome = await asyncio.wait_for(self.outcome, PATIENCE)
        except asyncio.TimeoutError:
            outcome = "timeout"
        self.abort()
        return {
            "id": self.request["id"],
            "outcome": outcome,
            "seconds": self.ended - self.began,
        }


async def serve(port):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()

    async def answer(request):
        print(json.dumps(await Client(port, request).run()), flush=True)

    while line := await reader.readline():
        task = loop.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


asyncio.get_event_loop_policy().get_event_loop().run_until_complete(serve(int(sys.argv[1])))
