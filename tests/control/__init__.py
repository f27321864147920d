"""The control surfaces over real sockets, above a studio that keeps everything in memory."""
