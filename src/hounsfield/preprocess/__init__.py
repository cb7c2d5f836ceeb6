"""Archives to shards that a model is trained from: planned, cut into shards, decoded by processes, reported.

Nothing depends on how many processes and threads there are, on the order in which they are done, or on how
often the work was interrupted: sources are cut into shards by their position in the plan, a shard stands
under its name only when it is whole, and there is one row in the manifest for each source.
"""

from hounsfield.preprocess.images import Options
from hounsfield.preprocess.making import Failure
from hounsfield.preprocess.plan import FORMATS, Plan, make_plan
from hounsfield.preprocess.run import Summary, preprocess
from hounsfield.preprocess.sources import Source

__all__ = ["FORMATS", "Failure", "Options", "Plan", "Source", "Summary", "make_plan", "preprocess"]
