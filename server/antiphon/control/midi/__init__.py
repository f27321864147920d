"""MIDI: controllers as hands on the command table, their lights, the clock of a host, hot-plug, learning a map."""
