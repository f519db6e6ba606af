"""Where pictures come from: folders, manifests and CoOp splits in, upright RGB pictures out."""

from metaadapter.images.crop import Box as Box
from metaadapter.images.crop import Crop as Crop
from metaadapter.images.decode import content_hash as content_hash
from metaadapter.images.decode import decode_image as decode_image
from metaadapter.images.inputs import ImageInput as ImageInput
from metaadapter.images.inputs import UnreadableImage as UnreadableImage
from metaadapter.images.reader import read_images as read_images
from metaadapter.images.table import ImageRow as ImageRow
from metaadapter.images.table import ImageTable as ImageTable
