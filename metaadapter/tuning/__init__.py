"""What is trained inside an encoder's towers for one task, where left-out pictures bear it out."""

from metaadapter.tuning.inside import Inside as Inside
from metaadapter.tuning.inside import TunedInside as TunedInside
from metaadapter.tuning.inside import tune_inside as tune_inside
from metaadapter.tuning.left_out_choice import LeftOutChoice as LeftOutChoice
