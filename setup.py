"""Carry presets/ into wheels as antiphon/presets; everything else is in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPresets(build_py):
    """An editable install reads presets/ where it lies; a wheel needs a copy."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            presets = Path(__file__).resolve().parent / "presets"
            shutil.copytree(presets, Path(self.build_lib) / "antiphon" / "presets", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithPresets})
