"""The prover: `python -m tests.prove` attacks the vault, finds what it planted, and writes docs/security-report.md."""
