"""Sampler Explorer: a live, linked explorer of diffusion and flow samplers."""
