"""The composition root: the one package that knows everyone, and wires them with plain arguments.

    async with service(settings, logs=logs) as running, listening(running, host, port):
        await until_told_to_stop(running)

A process may be killed at any point of this: what was acknowledged is in the database, and the next start goes on
from there.
"""

from connector.app.running import Service, service
from connector.app.serving import Listening, listening, until_told_to_stop

__all__ = ["Listening", "Service", "listening", "service", "until_told_to_stop"]
