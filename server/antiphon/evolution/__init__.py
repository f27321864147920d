"""How loops have children: operators on genomes, selection by ratings, and how far two loops are from each other.

Pure functions: genomes in, genomes out, with a numpy Generator where chance has a say.
"""

from antiphon.evolution.crossover import cross
from antiphon.evolution.distance import distance
from antiphon.evolution.mutation import mutate
from antiphon.evolution.proposing import propose
from antiphon.evolution.restemming import restem
from antiphon.evolution.selection import next_generation

__all__ = ["cross", "distance", "mutate", "next_generation", "propose", "restem"]
