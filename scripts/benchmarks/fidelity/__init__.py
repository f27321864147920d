"""What eval_fidelity.py hears with: one room per kind of measure."""
