"""Tiny models of every family, with random weights, built without any network and saved as users have them.

Sizes and the way to build them follow diffusers' own tests; the tokenizers are made here.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

RATE_HZ = 4000


def build(family: str, folder: Path) -> Path:
    """Save a tiny model of a family (`ace-step-turbo` too) below `folder`; the same one each time."""
    target = folder / family
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        BUILDERS[family](target)
    (target / "README.md").write_text("---\nlicense: other\nlicense_name: tiny-licence\n---\n# A tiny model\n")
    return target


def words() -> Any:
    """A tokenizer that knows one word, padding and the end."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2, "drum": 3, "bass": 4, "BPM": 5}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=64
    )


def t5(width: int = 16, vocabulary: int = 99) -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=vocabulary, d_model=width, d_ff=16, d_kv=8, num_heads=2, num_layers=1)
    return T5EncoderModel(config)


def oobleck() -> Any:
    from diffusers import AutoencoderOobleck

    return AutoencoderOobleck(
        encoder_hidden_size=16, downsampling_ratios=[4, 8], decoder_channels=4, decoder_input_channels=8,
        audio_channels=2, channel_multiples=[1, 2], sampling_rate=RATE_HZ,
    )  # fmt: skip


def stable_audio_open(folder: Path) -> None:
    from diffusers import CosineDPMSolverMultistepScheduler, StableAudioDiTModel, StableAudioPipeline
    from diffusers.pipelines.stable_audio import StableAudioProjectionModel

    transformer = StableAudioDiTModel(
        sample_size=1400, in_channels=8, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        num_key_value_attention_heads=1, out_channels=8, cross_attention_dim=16, time_proj_dim=16,
        global_states_input_dim=32, cross_attention_input_dim=16,
    )  # fmt: skip
    projection = StableAudioProjectionModel(text_encoder_dim=16, conditioning_dim=16, min_value=0, max_value=512)
    scheduler = CosineDPMSolverMultistepScheduler(
        solver_order=2, prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential"
    )
    StableAudioPipeline(
        vae=oobleck(), text_encoder=t5(), projection_model=projection, tokenizer=words(), transformer=transformer,
        scheduler=scheduler,
    ).save_pretrained(folder)  # fmt: skip


def stable_audio_3(folder: Path) -> None:
    from diffusers import AutoencoderSAME, FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel, StableAudio3Pipeline
    from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import StableAudio3DurationEmbedder
    from transformers import T5GemmaConfig, T5GemmaEncoderModel
    from transformers.models.t5gemma.configuration_t5gemma import T5GemmaModuleConfig

    width = 16
    transformer = StableAudio3DiTModel(
        io_channels=8, patch_size=1, embed_dim=32, depth=1, num_heads=4, cond_token_dim=width, global_cond_dim=width,
        local_add_cond_dim=5, timestep_features_dim=16, ff_mult=2, num_memory_tokens=3,
        use_differential_attention=False,
    )  # fmt: skip
    vae = AutoencoderSAME(
        audio_channels=2, patch_size=16, encoder_channels=8, encoder_c_mults=(2,), encoder_strides=(2,),
        encoder_transformer_depths=(1,), latent_dim=8, use_differential_attention=False, dim_heads=4, ff_mult=2,
        sampling_rate=RATE_HZ,
    )  # fmt: skip
    with torch.no_grad():
        # Layers that begin at zero would play the same whatever comes in.
        for parameter in (*vae.parameters(), *transformer.parameters()):
            if not parameter.any():
                parameter.normal_(std=0.3)
    module = T5GemmaModuleConfig(
        vocab_size=99, hidden_size=width, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=256, sliding_window=64,
        layer_types=["full_attention"],
    ).to_dict()  # fmt: skip
    encoder = T5GemmaEncoderModel(T5GemmaConfig(encoder=module, decoder=module, is_encoder_decoder=False))
    StableAudio3Pipeline(
        vae=vae, text_encoder=encoder, tokenizer=words(), transformer=transformer,
        duration_embedder=StableAudio3DurationEmbedder(output_dim=width, fourier_dim=16),
        scheduler=FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
    ).save_pretrained(folder)  # fmt: skip


def ace_step(folder: Path, turbo: bool = False) -> None:
    from diffusers import AceStepPipeline, FlowMatchEulerDiscreteScheduler
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformer1DModel
    from diffusers.pipelines.ace_step import AceStepConditionEncoder
    from transformers import Qwen3Config, Qwen3Model

    attention = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    transformer = AceStepTransformer1DModel(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, in_channels=24, audio_acoustic_hidden_dim=8,
        patch_size=2, rope_theta=10000.0, sliding_window=16, is_turbo=turbo, **attention,
    )  # fmt: skip
    encoder = Qwen3Model(
        Qwen3Config(hidden_size=32, intermediate_size=64, num_hidden_layers=1, vocab_size=99,
                    max_position_embeddings=256, bos_token_id=0, eos_token_id=1, **attention)
    )  # fmt: skip
    conditions = AceStepConditionEncoder(
        hidden_size=32, intermediate_size=64, text_hidden_dim=32, timbre_hidden_dim=8,
        num_lyric_encoder_hidden_layers=1, num_timbre_encoder_hidden_layers=1, rope_theta=10000.0, sliding_window=16,
        **attention,
    )  # fmt: skip
    AceStepPipeline(
        transformer=transformer, condition_encoder=conditions, vae=oobleck(), text_encoder=encoder, tokenizer=words(),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    ).save_pretrained(folder)  # fmt: skip


def audioldm2(folder: Path) -> None:
    import transformers as tf
    from diffusers import (
        AudioLDM2Pipeline,
        AudioLDM2ProjectionModel,
        AudioLDM2UNet2DConditionModel,
        AutoencoderKL,
        DDIMScheduler,
    )
    from tokenizers.pre_tokenizers import ByteLevel

    unet = AudioLDM2UNet2DConditionModel(
        block_out_channels=(8, 16), norm_num_groups=8, layers_per_block=1, sample_size=32, in_channels=4,
        out_channels=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=([None, 16, 32], [None, 16, 32]),
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=[8, 16], norm_num_groups=8, in_channels=1, out_channels=1, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
    )  # fmt: skip
    text = tf.ClapTextConfig(
        bos_token_id=0, eos_token_id=2, pad_token_id=1, hidden_size=16, intermediate_size=16, num_attention_heads=2,
        num_hidden_layers=1, vocab_size=300, projection_dim=16,
    )  # fmt: skip
    audio = tf.ClapAudioConfig(
        spec_size=64, window_size=4, num_mel_bins=64, depths=[1, 1], num_attention_heads=[2, 2], num_hidden_layers=2,
        hidden_size=32, patch_embeds_hidden_size=16, projection_dim=16, patch_size=4, patch_stride=[4, 4],
    )  # fmt: skip
    language_model = tf.GPT2Model(
        tf.GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=99, n_positions=99, bos_token_id=0, eos_token_id=1)
    )
    language_model.config.max_new_tokens = 8
    vocoder = tf.SpeechT5HifiGan(
        tf.SpeechT5HifiGanConfig(
            model_in_dim=8, sampling_rate=RATE_HZ, upsample_initial_channel=16, upsample_rates=[4, 4],
            upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]],
            normalize_before=False,
        )
    )  # fmt: skip
    with torch.no_grad():
        # Initial weights of 0.01 would be silence after four layers.
        for parameter in vocoder.parameters():
            parameter.mul_(20.0)
    bytes_known = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4}
    bytes_known |= {char: 5 + place for place, char in enumerate(sorted(ByteLevel.alphabet()))}
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((chr(code), -2.0) for code in range(33, 127))]
    pipeline = AudioLDM2Pipeline(
        vae=vae, unet=unet, vocoder=vocoder, language_model=language_model, feature_extractor=tf.ClapFeatureExtractor(),
        text_encoder=tf.ClapModel(tf.ClapConfig(text_config=text, audio_config=audio, projection_dim=16)),
        text_encoder_2=t5(32, 110),
        projection_model=AudioLDM2ProjectionModel(
            text_encoder_dim=16, text_encoder_1_dim=32, langauge_model_dim=16
        ),
        tokenizer=tf.RobertaTokenizer(vocab=bytes_known, merges=[], model_max_length=77),
        tokenizer_2=tf.T5Tokenizer(vocab=[*pieces, ("▁", -2.0)], model_max_length=77, extra_ids=0),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
            set_alpha_to_one=False,
        ),
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    # As it was published: with the class that can no longer generate.
    assert json.loads((folder / "model_index.json").read_text())["language_model"][1] == "GPT2Model"


def musicgen(folder: Path) -> None:
    import transformers as tf

    silence = 32
    config = tf.MusicgenConfig(
        text_encoder=t5().config.to_dict(),
        audio_encoder=tf.EncodecConfig(
            sampling_rate=3200, num_filters=4, hidden_size=16, codebook_size=32, codebook_dim=16,
            upsampling_ratios=[8, 16], num_lstm_layers=1, target_bandwidths=[1.0], audio_channels=1, normalize=False,
        ).to_dict(),
        decoder=tf.MusicgenDecoderConfig(
            vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, num_codebooks=4,
            audio_channels=1, pad_token_id=silence, bos_token_id=silence,
        ).to_dict(),
    )  # fmt: skip
    model = tf.MusicgenForConditionalGeneration(config)
    for layer in model.audio_encoder.quantizer.layers:
        # Zero from the start: every token would sound the same.
        layer.codebook.embed.normal_()
    for name, value in {"do_sample": True, "guidance_scale": 3.0, "max_length": 1500}.items():
        setattr(model.generation_config, name, value)
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(model.generation_config, name, silence)
    model.save_pretrained(folder)
    words().save_pretrained(folder)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "stable-audio-open": stable_audio_open,
    "stable-audio-3": stable_audio_3,
    "ace-step": ace_step,
    "ace-step-turbo": lambda folder: ace_step(folder, turbo=True),
    "audioldm2": audioldm2,
    "musicgen": musicgen,
}
