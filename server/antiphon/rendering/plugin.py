"""VST3 plug-ins that the user owns, loaded by path in the worker and kept for the next loop.

Nothing is ever scanned: a preset names one file. Plug-ins are foreign code; should one take the worker down with it,
the control process stays up and the job is run again (and set aside where it happens repeatedly).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from pedalboard._pedalboard import load_plugin

from antiphon.errors import SettingsError
from antiphon.rendering.circle import Audio
from antiphon.rendering.preset import EffectSpec, nearest

_loaded: dict[tuple[str, str], Any] = {}
#: Plug-ins keep state between calls, and the same one may stand on several stems.
_lock = threading.Lock()


def run_plugin(spec: EffectSpec, audio: Audio, rate: int) -> Audio:
    """Run the plug-in of a `vst3` effect from a fresh state, its latency taken out; as many frames come out as went in.

    Raises SettingsError where the file is missing, doesn't load, has no such parameter, or is no effect.
    """
    with _lock:
        plugin = _plugin(spec)
        _set_parameters(plugin, spec)
        return _processed(plugin, audio, rate)


def _processed(plugin: Any, audio: Audio, rate: int) -> Audio:
    try:
        return _run(plugin, audio, rate)
    except ValueError as refused:
        # A plug-in that takes one channel only hears them one after the other.
        try:
            return np.concatenate([_run(plugin, channel[None], rate) for channel in audio])
        except ValueError:
            raise SettingsError(
                f"vst3.path: the plug-in takes neither two channels nor one ({refused}): only effects work in a chain"
            ) from refused


def _run(plugin: Any, audio: Audio, rate: int) -> Audio:
    result = np.atleast_2d(np.asarray(plugin.process(audio, float(rate), reset=True), dtype=np.float32))
    # Some plug-ins flush fewer or more frames than they were given.
    return np.pad(result, ((0, 0), (0, max(0, audio.shape[1] - result.shape[1]))))[:, : audio.shape[1]]


def _plugin(spec: EffectSpec) -> Any:
    path, name = Path(spec.text("path")).expanduser(), spec.text("plugin_name")
    key = (str(path), name)
    if key not in _loaded:
        if not path.exists():
            raise SettingsError(
                f"vst3.path: there is no plug-in at {path}: correct the path in the preset, or install it"
            )
        try:
            _loaded[key] = load_plugin(str(path), plugin_name=name or None)
        except (ImportError, ValueError, RuntimeError, OSError) as error:
            raise SettingsError(
                f"vst3.path: {path} could not be loaded as a plug-in here ({error}): check that it is a VST3 "
                "for this operating system and processor; where a file holds several, name one as plugin_name"
            ) from error
    return _loaded[key]


def _set_parameters(plugin: Any, spec: EffectSpec) -> None:
    for name, value in spec.plugin_parameters:
        if name not in plugin.parameters:
            known = ", ".join(plugin.parameters)
            raise SettingsError(f"vst3.parameters.{name}: unknown{nearest(name, plugin.parameters)} (it has: {known})")
        try:
            setattr(plugin, name, value)
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingsError(f"vst3.parameters.{name}: {value!r} is refused by the plug-in: {error}") from error
