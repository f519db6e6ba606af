from .progress import Progress as Progress
from .progress import showing as showing
