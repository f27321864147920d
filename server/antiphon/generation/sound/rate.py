"""The rate at which the sound model works: in a module of its own, for those who play without a network or torch."""

#: Other rates are reached by one Fourier resampling of the periodic loop.
MODEL_RATE_HZ = 44100
