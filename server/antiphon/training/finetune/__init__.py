"""Fine-tuning the sound model on what people rated: material, LoRA, objectives, a session that survives kills."""
