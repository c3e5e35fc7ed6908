"""A real XMPP client that does as it is told: reads one JSON object, runs all its jobs at the same
time, each in a session of its own, and prints one list with their results, in their order.

    {"port": 5222, "jobs": [
        {"do": "login",  "user": "alice", "password": "secret"},
        {"do": "change", "user": "alice", "password": "secret", "new": "other"},
        {"do": "bounce", "user": "alice", "password": "secret", "to": "bob"}]}

A result is "success", "bounced", "failed CONDITION" where the user could not sign in, or "refused
CONDITION" where the server did not do what a signed-in user asked for.
"""

import asyncio
import json
import ssl
import sys

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

DOMAIN = "example.com"
# Seconds for a whole request, more than any server takes to give up on its own program.
PATIENCE = 90

# The certificate is the test's own, and so is the network. That slixmpp would read the system's
# authorities for each client takes longer than all the rest.
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
ssl.create_default_context = lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Client(ClientXMPP):
    """One session: signs in, does one job, and leaves."""

    def __init__(self, port, job):
        super().__init__(f"{job['user']}@{DOMAIN}", job["password"], sasl_mech="PLAIN")
        self.port = port
        self.job = job
        self.result = self.loop.create_future()
        self.register_plugin("xep_0077")
        self.register_plugin("xep_0199")
        self.ssl_context = CONTEXT
        for event, handler in (
            ("failed_auth", lambda failure: self.finish(f"failed {failure['condition']}")),
            ("failed_all_auth", lambda _: self.finish("failed no-mechanism")),
            ("session_start", self.on_session),
            ("connection_failed", lambda _: self.finish("failed connection")),
            ("disconnected", lambda _: self.finish("failed disconnected")),
        ):
            self.add_event_handler(event, handler)

    def finish(self, result):
        if not self.result.done():
            self.result.set_result(result)

    async def on_session(self, _):
        try:
            self.finish(await getattr(self, self.job["do"])())
        except IqError as error:
            self.finish(f"refused {error.condition}")
        except IqTimeout:
            self.finish("refused timeout")

    async def login(self):
        return "success"

    async def change(self):
        await self.plugin["xep_0077"].change_password(self.job["new"], timeout=PATIENCE)
        return "success"

    async def bounce(self):
        message = self.make_message(f"{self.job['to']}@{DOMAIN}", "hello", mtype="chat")
        message["id"] = self.new_id()
        bounced = self.loop.create_future()
        self.add_event_handler("message_error", bounced.set_result)
        message.send()
        # Replies keep the order of the stanzas, and any reply will do: what has not bounced by then
        # will not.
        try:
            await self.plugin["xep_0199"].send_ping(DOMAIN, timeout=PATIENCE)
        except IqError:
            pass
        return "bounced" if bounced.done() else "success"

    async def run(self):
        self.connect(address=("127.0.0.1", self.port))
        try:
            return await asyncio.wait_for(self.result, PATIENCE)
        except asyncio.TimeoutError:
            return "failed timeout"
        finally:
            self.abort()


async def work(port, jobs):
    return await asyncio.gather(*(Client(port, job).run() for job in jobs))


ORDER = json.load(sys.stdin)
# The loop that slixmpp takes for its own.
LOOP = asyncio.get_event_loop_policy().get_event_loop()
json.dump(LOOP.run_until_complete(work(ORDER["port"], ORDER["jobs"])), sys.stdout)
