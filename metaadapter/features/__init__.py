"""Pictures and class names into frozen features, and the store that keeps them."""

from metaadapter.features.encoded_pictures import EncodedPictures as EncodedPictures
from metaadapter.features.encoded_pictures import encode_rows as encode_rows
from metaadapter.features.encoded_pictures import is_store as is_store
from metaadapter.features.encoded_pictures import read_store as read_store
from metaadapter.features.encoder import FrozenEncoder as FrozenEncoder
from metaadapter.features.encoder_by_name import load_encoder as load_encoder
from metaadapter.features.encoding_loop import Progress as Progress
from metaadapter.features.extraction import EncodeReport as EncodeReport
from metaadapter.features.extraction import encode_to_store as encode_to_store
from metaadapter.features.extraction import merge_stores as merge_stores
from metaadapter.features.fingerprint import Fingerprint as Fingerprint
from metaadapter.features.image_encoder import ImageEncoder as ImageEncoder
from metaadapter.features.image_encoder import ModelEncoder as ModelEncoder
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE as CLIP_LOGIT_SCALE
from metaadapter.features.logit_scale import read_logit_scale as read_logit_scale
from metaadapter.features.prompts import readable_name as readable_name
from metaadapter.features.store.feature_store import FeatureStore as FeatureStore
