"""From raw stems to finished files: effects, mix, loudness, the quality gate, audio files and their sidecar.

`preset`, `schema` and `naming` are light and may be imported anywhere; the rest imports numpy, scipy and pedalboard and
belongs to the worker.
"""
