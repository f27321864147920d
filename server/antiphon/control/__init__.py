"""How the world talks to Antiphon: one command table, and the OSC and HTTP surfaces that are derived from it."""
