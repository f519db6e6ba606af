from .tuning.tune_inside import tune_inside as tune_inside
