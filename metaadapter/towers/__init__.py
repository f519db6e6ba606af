"""The way into the towers of an encoder: places, and what is put there."""

from metaadapter.features.shared_copy import shared_copy as shared_copy
from metaadapter.towers.bottleneck import Bottleneck as Bottleneck
from metaadapter.towers.bottleneck import insert_bottlenecks as insert_bottlenecks
from metaadapter.towers.config import Calibration as Calibration
from metaadapter.towers.config import InsideConfig as InsideConfig
from metaadapter.towers.config import PromptConfig as PromptConfig
from metaadapter.towers.inside import insert_inside as insert_inside
from metaadapter.towers.inside import inside_tensors as inside_tensors
from metaadapter.towers.inside import restore_inside as restore_inside
from metaadapter.towers.lora import LowRank as LowRank
from metaadapter.towers.lora import insert_lora as insert_lora
from metaadapter.towers.lora import merge_lora as merge_lora
from metaadapter.towers.places import Place as Place
from metaadapter.towers.places import find_places as find_places
from metaadapter.towers.prompted_encoder import PromptedEncoder as PromptedEncoder
from metaadapter.towers.soft_prompt import PromptedTexts as PromptedTexts
