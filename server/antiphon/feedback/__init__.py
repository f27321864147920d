"""What people's answers are worth: reliability of ratings, listening, groups, and words that explain.

Pure functions over arrays, with a numpy Generator where chance has a say; nothing here reads, writes or knows a model.
"""

from antiphon.feedback.explain import explain_raters, explain_ratings
from antiphon.feedback.groups import Drowned, GroupView, group_view
from antiphon.feedback.ratings import Ratings, ratings
from antiphon.feedback.reliability import Clips, Estimate, Population, Raters, estimate

__all__ = [
    "Clips",
    "Drowned",
    "Estimate",
    "GroupView",
    "Population",
    "Raters",
    "Ratings",
    "estimate",
    "explain_raters",
    "explain_ratings",
    "group_view",
    "ratings",
]
