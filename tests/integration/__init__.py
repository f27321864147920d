"""Real programs that people use, each in conversation with the real server."""
