"""The score model: a small diffusion model over the notes of all stems on the felt grid."""
