"""MIDI: maps, decoding, lights and clock by value; whole performances through real ports of JACK."""
