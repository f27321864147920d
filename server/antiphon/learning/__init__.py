"""What is believed of people's ratings: the process that does the sums, who keeps it, and what control knows of it."""
