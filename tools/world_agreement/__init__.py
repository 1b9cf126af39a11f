"""How `tools/fidelity.py` compares world `local` with world `sim`: runs, figures, page, plot."""
