"""Candidates as projects that DAWs open: DAWproject (Bitwig, Studio One, Cubase, …) and REAPER's own .rpp."""
