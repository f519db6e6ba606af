"""What is trained inside an encoder's towers for one task, where left-out pictures bear it out."""

from metaadapter.tuning.inside import Inside as Inside
from metaadapter.tuning.inside import TunedInside as TunedInside
from metaadapter.tuning.inside import tune_inside as tune_inside
from metaadapter.tuning.left_out_choice import LeftOutChoice as LeftOutChoice
from metaadapter.tuning.soft_prompt import LeftOutClasses as LeftOutClasses
from metaadapter.tuning.soft_prompt import SoftPrompt as SoftPrompt
from metaadapter.tuning.soft_prompt import TunedPrompt as TunedPrompt
from metaadapter.tuning.soft_prompt import tune_prompt as tune_prompt
