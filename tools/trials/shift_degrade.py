import os
import sys
from functools import partial
from pathlib import Path
from torchvision.transforms import Compose
from metaadapter.data.reader import read_images
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store.encode import encode_to_store
from tools import training_stores_encoders as encoders
from tools.training_stores import degrade
tiny = FrozenEncoder.load("tiny", device="cpu")
for s in sys.argv[1:]:
    set_, name = s.rsplit(".",1)
    e = encoders.variant(tiny, name=f"tiny.{name}", preprocess=Compose([partial(degrade, name=name), tiny.preprocess]))
    encode_to_store(read_images(Path(os.environ["PICTURES"])/set_), e, Path(os.environ["STORES"])/s, progress=lambda now: None)
    print(s, flush=True)
