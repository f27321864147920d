"""From a request to sound: the score that is composed, and the backends that play it."""
