"""Candidates as projects that DAWs open: DAWproject (Bitwig, Studio One, …), REAPER's .rpp, Ardour's sessions."""
