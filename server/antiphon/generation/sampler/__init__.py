"""The sampler engine: the same scores, played by synthesis and recordings."""
