"""Being found on the network: multicast DNS announces `_osc._udp` and `_oscjson._tcp` under one name.

python-zeroconf does the protocol. Here is decided where to announce, under which name where another server has it
already, and when to begin anew: interfaces come and go, and two servers that started at the same moment may both think
that they have the name (RFC 6762, sections 8 and 9).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from antiphon.interfaces import Reach, reach
from antiphon.settings import Settings

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

log = logging.getLogger(__name__)

OSC_TYPE, QUERY_TYPE = "_osc._udp.local.", "_oscjson._tcp.local."
#: How often interfaces and names are looked at again.
LOOK_AGAIN_S = 5.0
#: Every so many looks, whoever has our name is asked to say so.
_LOOKS_PER_QUESTION = 6
#: A name has at most 63 bytes in DNS; this leaves room for a number behind it.
_NAME_BYTES = 56
_MOST_NAMES = 100


class Discovery:
    """Announces one server, from `run` to `close`. `named(name)` is told the name that it is found by."""

    def __init__(self, settings: Settings, osc_port: int, http_port: int, named: Callable[[str], None]) -> None:
        self._settings = settings
        self._ports = {OSC_TYPE: osc_port, QUERY_TYPE: http_port}
        self._named = named
        self._reach = Reach(reason="not begun")
        self._fault = ""
        self._name = ""
        self._number = 1
        self._contested = False
        self._looks = 0
        self._zeroconf: AsyncZeroconf | None = None
        #: A name of our own, in no other program's hands: the machine's own may be announced by its system.
        self.host_name = f"antiphon-{secrets.token_hex(4)}.local"

    async def run(self) -> None:
        """Announce, and keep it true until cancelled. Never raises anything else."""
        while True:
            try:
                await self._look()
            except Exception:
                # The outermost boundary: whatever a network does to the library, it is tried again.
                log.exception("discovery failed")
                self._fault = "discovery failed: the log says how; it is tried again"
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _look(self) -> None:
        """Announce anew where anything has changed; else see to it that the name is ours alone."""
        found = await asyncio.to_thread(reach, self._settings)
        if found != self._reach or self._fault or self._must_yield():
            await self._begin(found)
        elif self._zeroconf is not None:
            await self._defend(self._zeroconf)
        self._ask()

    async def close(self) -> None:
        """Say goodbye, so that clients forget this server at once."""
        zeroconf, self._zeroconf, self._name = self._zeroconf, None, ""
        if zeroconf is not None:
            try:
                await zeroconf.async_close()
            except OSError as error:
                # An interface that has gone takes no goodbye, and there is nobody left on it to hear one.
                log.info("no goodbye: %s", error)

    def status(self) -> dict[str, Any]:
        """For `/status`: `state` is announced, off or fault."""
        reason = self._fault or self._reach.reason
        fault = bool(self._fault) or self._reach.fault
        return {
            "state": "announced" if self._name else "fault" if fault else "off",
            "name": self._name,
            "addresses": list(self._reach.addresses) if self._name else [],
            "reason": reason,
        }

    async def _begin(self, found: Reach) -> None:
        """Announce on these interfaces instead of those before."""
        from zeroconf import Error

        await self.close()
        if found != self._reach and found.reason:
            log.log(logging.WARNING if found.fault else logging.INFO, "not announced: %s", found.reason)
        self._reach, self._fault, self._looks = found, "", 0
        if not found.addresses:
            return
        try:
            await self._announce(found.addresses)
        except (OSError, Error) as error:
            self._fault = f"multicast DNS does not work here: {str(error) or type(error).__name__}"
            log.warning("not announced: %s", self._fault)
            await self.close()
        else:
            log.info("announced as %s on %s", self._name, ", ".join(found.addresses))

    async def _announce(self, addresses: tuple[str, ...]) -> None:
        """Register both services under the first name that is free for both."""
        from zeroconf import IPVersion, NonUniqueNameException
        from zeroconf.asyncio import AsyncZeroconf

        self._zeroconf = zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        while self._number < _MOST_NAMES:
            name = instance_name(self._settings.server_name, self._number)
            try:
                # The one that leads to HOST_INFO comes last: when it is heard of, the name there is right.
                sent = [
                    await zeroconf.async_register_service(self._service(kind, name, addresses))
                    for kind in self._ports
                ]  # fmt: skip
            except NonUniqueNameException:
                await zeroconf.async_unregister_all_services()
                self._number += 1
            else:
                self._name = name
                self._named(name)
                await asyncio.gather(*sent)
                return
        raise OSError(f"the names up to {self._settings.server_name}-{_MOST_NAMES} are all taken: set server_name")

    def _service(self, kind: str, name: str, addresses: tuple[str, ...]) -> AsyncServiceInfo:
        from zeroconf.asyncio import AsyncServiceInfo

        text = {"txtvers": "1", "version": "1.1", "types": "ifs"} if kind == OSC_TYPE else {"txtvers": "1"}
        return AsyncServiceInfo(
            kind, f"{name}.{kind}", port=self._ports[kind], properties=text, server=self.host_name + ".",
            addresses=[socket.inet_aton(address) for address in addresses],
        )  # fmt: skip

    def _rivals(self) -> set[str]:
        """The host names of other servers that answer to our name too."""
        if self._zeroconf is None or not self._name:
            return set()
        from zeroconf.const import _CLASS_IN, _TYPE_SRV

        cache = self._zeroconf.zeroconf.cache
        records = [
            record for kind in self._ports
            for record in cache.get_all_by_details(f"{self._name}.{kind}", _TYPE_SRV, _CLASS_IN)
        ]  # fmt: skip
        return {str(getattr(each, "server", "")).rstrip(".").lower() for each in records} - {self.host_name, ""}

    def _must_yield(self) -> bool:
        """Whether another server has our name and keeps it: of two, the one with the lesser host name does."""
        if min(self._rivals(), default="~") > self.host_name:
            return False
        log.warning("another server is announced as %s too: this one takes another name", self._name)
        self._number += 1
        return True

    def _ask(self) -> None:
        """Ask who has our name, soon after taking it and then from time to time, as networks are joined unannounced.

        Everyone who has it answers to all, so the rivals hear of each other.
        """
        self._looks += 1
        if self._zeroconf is None or not (self._looks == 1 or self._looks % _LOOKS_PER_QUESTION == 0):
            return
        from zeroconf import DNSOutgoing, DNSQuestion  # type: ignore[attr-defined]  # documented, not in __all__
        from zeroconf.const import _CLASS_IN, _FLAGS_QR_QUERY, _TYPE_SRV

        question = DNSOutgoing(_FLAGS_QR_QUERY)
        for kind in self._ports:
            question.add_question(DNSQuestion(f"{self._name}.{kind}", _TYPE_SRV, _CLASS_IN))
        self._zeroconf.zeroconf.async_send(question)

    async def _defend(self, zeroconf: AsyncZeroconf) -> None:
        """Announce once more after a rival has gone: its goodbye was for the name, and clients dropped us with it."""
        contested, self._contested = self._contested, bool(self._rivals())
        if not contested or self._contested:
            return
        from zeroconf import Error

        try:
            for kind in self._ports:
                service = self._service(kind, self._name, self._reach.addresses)
                await (await zeroconf.async_update_service(service))
        except (OSError, Error) as error:
            self._fault = f"multicast DNS stopped working: {str(error) or type(error).__name__}"


def instance_name(server_name: str, number: int) -> str:
    """The name to be found by: the server's, in what DNS takes, with the number behind it from 2 on."""
    plain = "".join(character if character.isprintable() else " " for character in server_name).strip() or "Antiphon"
    short = plain.encode()[:_NAME_BYTES].decode("utf-8", "ignore").strip()
    return short if number == 1 else f"{short}-{number}"
