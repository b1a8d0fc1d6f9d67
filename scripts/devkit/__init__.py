"""What stands behind `./dev` once Python is there; the end-to-end tests use the same pieces."""
