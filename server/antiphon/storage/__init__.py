"""Where things are kept: one SQLite file with one writing connection, and a library of audio folders."""
