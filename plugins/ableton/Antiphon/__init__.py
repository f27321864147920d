"""Antiphon for Ableton Live: a control surface script (Live 12.0.5 and later). See the README beside this folder."""


def create_instance(c_instance):
    """Live calls this when the script is chosen as a control surface."""
    from .surface import AntiphonSurface

    return AntiphonSurface(c_instance)
