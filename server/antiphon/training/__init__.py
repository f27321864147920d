"""How the built-in model is made: the corpus it hears, and the trainings, stage by stage."""
