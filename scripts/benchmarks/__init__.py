"""What the benchmark scripts share: making loops, judging them, driving a server, printing figures."""
