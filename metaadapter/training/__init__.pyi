from .config import TrainConfig as TrainConfig
from .config_file import load_config as load_config
from .run import train as train
from .run_folder import config_differences as config_differences
from .run_folder import open_run as open_run
from .run_summary import RunSummary as RunSummary
from .validation import Moment as Moment
from .validation import Validation as Validation
