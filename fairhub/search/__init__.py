"""The search for units to remove: annealing, the energies it lowers, surrogates of the model, what a search may see."""
