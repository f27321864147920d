"""How many complaints one host gets: enough for any person, too few for two programs that complain to each other."""

from __future__ import annotations

import time
from collections import OrderedDict

ERRORS_PER_SECOND = 100.0
ERRORS_AT_ONCE = 100.0
_HOSTS = 1024


class ErrorBudget:
    """A token bucket per host: 100 errors at once, then 100 a second."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, host: str) -> bool:
        """Whether an error may be sent to this host now; counts it."""
        now_s = time.monotonic()
        left, since_s = self._hosts.pop(host, (ERRORS_AT_ONCE, now_s))
        left = min(ERRORS_AT_ONCE, left + (now_s - since_s) * ERRORS_PER_SECOND)
        self._hosts[host] = (max(0.0, left - 1.0), now_s)
        if len(self._hosts) > _HOSTS:
            self._hosts.popitem(last=False)
        return left >= 1.0
