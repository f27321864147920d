"""What others built, at its published size, to measure beside ours."""
