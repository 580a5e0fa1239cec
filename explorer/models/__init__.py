"""What comes from outside: the schedulers of diffusers, networks on disk, the shipped zoo."""
