"""The pilot: the experiment of Singh et al. (arXiv 2506.04852) with people at a kiosk or with simulated raters, over a
running server, and its report."""
