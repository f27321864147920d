"""Simulated raters: audiences with hidden tastes, for measuring the loop without people. Never called people."""
