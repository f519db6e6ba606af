from .config import TrainConfig as TrainConfig
from .config_file import load_config as load_config
from .figures import Moment as Moment
from .figures import Validation as Validation
from .run import train as train
from .run_folder import open_run as open_run
from .run_summary import RunSummary as RunSummary
