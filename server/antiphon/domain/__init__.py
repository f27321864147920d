"""Plain frozen values: what a request, a score, a stem, a candidate and a job are. No I/O, no torch."""
