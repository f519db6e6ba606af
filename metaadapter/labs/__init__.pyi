from .tuning import tune_inside as tune_inside
