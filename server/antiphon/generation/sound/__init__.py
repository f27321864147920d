"""The built-in sound model: score → frames → latents (flow transformer) → log-mel picture → waveform (vocoder).

Everything here lives on a circle: a loop's last frame is followed by its first, in the score roll, in the transformer's
windows, in the vocoder's context and in the short-time Fourier transform, so that a loop has no seam to hide.
"""
