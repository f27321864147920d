"""Critics for the vocoder: networks that learn to tell made sound from real, so that the vocoder learns what a
distance does not measure: crisp attacks, highs that are neither dull nor fizzy.

Discriminators over complex spectra at two resolutions (as in UnivNet, Jang et al., 2021, and EnCodec, Défossez et al.,
2022), kept small enough for a processor; hinge loss and feature matching (Kumar et al., MelGAN, 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.training.checkpoint import moments_of

#: Of the loss on the spectra, what the critic's verdict and the likeness of its features add.
_VERDICT_WEIGHT, _LIKENESS_WEIGHT = 0.1, 0.4
_LEAK = 0.1


@cache
def _window(frames: int, device: torch.device) -> Tensor:
    return torch.hann_window(frames, device=device)


class SpectrumCritic(nn.Module):
    """Judges every region of one spectrum. `size`: frames of the short-time transform; hop a quarter of it."""

    def __init__(self, size: int, width: int = 16) -> None:
        super().__init__()
        self._size = size
        layers = (
            nn.Conv2d(2, width, (3, 7), (1, 3), (1, 3)),
            nn.Conv2d(width, width * 3 // 2, (3, 5), (2, 3), (1, 2)),
            nn.Conv2d(width * 3 // 2, width * 2, (3, 3), (2, 2), (1, 1)),
            nn.Conv2d(width * 2, width * 2, (3, 3), (1, 1), (1, 1)),
        )
        self.layers = nn.ModuleList(nn.utils.parametrizations.weight_norm(layer) for layer in layers)
        self.verdict = nn.utils.parametrizations.weight_norm(nn.Conv2d(width * 2, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Waveforms (batch, frames) → what each layer sees, the verdict (higher is more real) last."""
        window = _window(self._size, audio.device)
        spectrum = torch.stft(audio, self._size, self._size // 4, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square() + 1e-7
        # Compressed, or the loudest partial would be all that is seen.
        scaled = torch.view_as_real(spectrum) * power.pow(-0.35).unsqueeze(-1)
        seen: list[Tensor] = []
        x = scaled.permute(0, 3, 2, 1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _LEAK)
            seen.append(x)
        return [*seen, self.verdict(x)]


class Adversary:
    """The critics with their own optimiser. `state` and `restore` let a training be stopped and resumed."""

    def __init__(self, device: torch.device, sizes: Sequence[int] = (512, 2048), rate: float = 3e-4) -> None:
        self._critics = nn.ModuleList(SpectrumCritic(size) for size in sizes).to(device)
        self._optimiser = torch.optim.AdamW(self._critics.parameters(), rate, betas=(0.8, 0.99), weight_decay=0.01)

    def learn(self, made: Tensor, real: Tensor) -> float:
        """One step of the critics on waveforms (batch, frames); returns their hinge loss (2: they know nothing)."""
        loss = made.new_zeros(())
        for critic in self._critics:
            loss = loss + F.relu(1.0 - critic(real)[-1]).mean() + F.relu(1.0 + critic(made.detach())[-1]).mean()
        loss = loss / len(self._critics)
        loss.backward()
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return float(loss.item())

    def penalty(self, made: Tensor, real: Tensor) -> Tensor:
        """What the vocoder is to lower: the critics' distrust, and how differently they see made and real."""
        self._critics.requires_grad_(False)
        total = made.new_zeros(())
        for critic in self._critics:
            with torch.no_grad():
                wanted = critic(real)
            seen = critic(made)
            likeness = [
                (a - b).abs().mean() / (b.abs().mean() + 1e-4) for a, b in zip(seen[:-1], wanted[:-1], strict=True)
            ]
            total = total - _VERDICT_WEIGHT * seen[-1].mean() + _LIKENESS_WEIGHT * torch.stack(likeness).mean()
        self._critics.requires_grad_(True)
        return total / len(self._critics)

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, as one flat table."""
        tensors = {f"critics.{name}": value for name, value in self._critics.state_dict().items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` gave."""
        self._critics.load_state_dict(
            {name.removeprefix("critics."): value for name, value in tensors.items() if name.startswith("critics.")}
        )
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments_of(tensors), "param_groups": groups})
